package tracing

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/trace"
)

// Mark is the place of a sampled span in its trace. Nil is the place of one that is
// not sampled, or of none.
type Mark struct {
	trace trace.TraceID
	span  trace.SpanID
	flags trace.TraceFlags
}

// MarkSize is how many bytes a mark takes where it is kept.
const MarkSize = len(trace.TraceID{}) + len(trace.SpanID{}) + 1

// MarkOf is the place that ctx is in, or nil.
func MarkOf(ctx context.Context) *Mark {
	if !On() {
		return nil
	}
	place := trace.SpanContextFromContext(ctx)
	if !place.IsSampled() {
		return nil
	}
	return &Mark{place.TraceID(), place.SpanID(), place.TraceFlags()}
}

// ParseMark reads what Bytes wrote; nothing is a nil mark.
func ParseMark(kept []byte) (*Mark, error) {
	switch len(kept) {
	case 0:
		return nil, nil
	case MarkSize:
		m := &Mark{flags: trace.TraceFlags(kept[MarkSize-1])}
		copy(m.span[:], kept[copy(m.trace[:], kept):])
		return m, nil
	}
	return nil, fmt.Errorf("a place in a trace has %d bytes, must have %d", len(kept), MarkSize)
}

// Bytes is the mark as it is kept: trace, span, flags. Nil for a nil mark.
func (m *Mark) Bytes() []byte {
	if m == nil {
		return nil
	}
	kept := append(make([]byte, 0, MarkSize), m.trace[:]...)
	kept = append(kept, m.span[:]...)
	return append(kept, byte(m.flags))
}

// Within is ctx at the mark's place, so that spans and lines of the log belong
// there. For a nil mark it is ctx.
func (m *Mark) Within(ctx context.Context) context.Context {
	if m == nil {
		return ctx
	}
	return trace.ContextWithSpanContext(ctx, m.place())
}

func (m *Mark) place() trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: m.trace, SpanID: m.span, TraceFlags: m.flags})
}
