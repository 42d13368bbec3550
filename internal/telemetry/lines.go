package telemetry

import (
	"context"
	"io"
	"log/slog"
	"sync"

	"go.opentelemetry.io/otel/trace"

	"stockhold/internal/tracing"
)

// lines is the handler of the program's logger: slog's own, which also says in
// which trace a line was written, and can write many lines at once.
type lines struct {
	slog.Handler
	out *outlet
}

func (h lines) Handle(ctx context.Context, record slog.Record) error {
	if tracing.On() {
		if place := trace.SpanContextFromContext(ctx); place.IsValid() {
			record = record.Clone()
			record.AddAttrs(slog.String("trace_id", place.TraceID().String()), slog.String("span_id", place.SpanID().String()))
		}
	}
	return h.Handler.Handle(ctx, record)
}

func (h lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	return lines{h.Handler.WithAttrs(attrs), h.out}
}

func (h lines) WithGroup(name string) slog.Handler { return lines{h.Handler.WithGroup(name), h.out} }

// Together runs write, and lets the lines that are logged meanwhile leave in one
// piece: a line costs less to make than to hand to the system.
func (h lines) Together(write func()) {
	h.out.hold()
	defer h.out.release()
	write()
}

// outlet gathers what is written while somebody asks it to.
type outlet struct {
	to      io.Writer
	mu      sync.Mutex
	holders int
	held    []byte
}

// mostHeld bounds what is gathered, in bytes, give or take a line.
const mostHeld = 64 << 10

func (o *outlet) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.holders == 0 {
		return o.to.Write(p)
	}
	o.held = append(o.held, p...)
	if len(o.held) < mostHeld {
		return len(p), nil
	}
	return len(p), o.flush()
}

func (o *outlet) hold() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.holders++
}

func (o *outlet) release() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.holders--; o.holders == 0 {
		_ = o.flush() // as with any line of a log, there is nobody to tell
	}
}

func (o *outlet) flush() error {
	if len(o.held) == 0 {
		return nil
	}
	_, err := o.to.Write(o.held)
	o.held = o.held[:0]
	return err
}
