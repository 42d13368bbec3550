package telemetry

import (
	"io"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace"

	"stockhold/internal/tracing"
)

// writes keeps each write apart.
type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}

func TestLinesNameTheirTrace(t *testing.T) {
	var out writes
	log, _, err := NewLogger(&out, "info", "json")
	require.NoError(t, err)
	log = log.With("part", "of it")
	log.InfoContext(t.Context(), "before")

	tracing.Use(trace.NewTracerProvider())
	t.Cleanup(func() { tracing.Use(nil) })
	ctx, span := tracing.Start(t.Context(), tracing.Pass)
	log.InfoContext(ctx, "within", "k", "v")
	log.InfoContext(t.Context(), "beside")
	place := span.SpanContext()

	require.NotContains(t, out[0], "trace_id")
	require.Contains(t, out[1], `"msg":"within","part":"of it","k":"v","trace_id":"`+place.TraceID().String()+`","span_id":"`+place.SpanID().String()+`"}`)
	require.NotContains(t, out[2], "trace_id")
}

// Lines that belong together leave in one piece, with what others say meanwhile.
func TestLinesTogether(t *testing.T) {
	var out writes
	log, _, err := NewLogger(&out, "info", "text")
	require.NoError(t, err)
	derived := log.With("part", "of it")
	derived.Handler().(interface{ Together(func()) }).Together(func() {
		log.Info("one")
		derived.Warn("two")
		log.Debug("not this")
		require.Empty(t, out)
	})
	require.Len(t, out, 1)
	require.Regexp(t, `(?s)msg=one.*msg=two part="of it"`, out[0])
	log.Info("three")
	require.Len(t, out, 2)

	log.Handler().(lines).Together(func() {
		for len(out) == 2 {
			log.Info("more than is held at once")
		}
	})
	require.GreaterOrEqual(t, len(out[2]), mostHeld)
}

// What a line costs beyond slog's own handler while nothing is traced.
func BenchmarkLine(b *testing.B) {
	log, _, err := NewLogger(io.Discard, "info", "json")
	require.NoError(b, err)
	for name, log := range map[string]*slog.Logger{"slog": slog.New(slog.NewJSONHandler(io.Discard, nil)), "ours": log} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				log.LogAttrs(b.Context(), slog.LevelInfo, "said", slog.String("k", "v"))
			}
		})
	}
}
