package telemetry

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// That something failed is told, and where; in which words is not.
func TestSpansSayNoWords(t *testing.T) {
	sent := tracetest.NewInMemoryExporter()
	tracer := trace.NewTracerProvider(trace.WithSyncer(wordless{sent})).Tracer("test")
	_, span := tracer.Start(t.Context(), "call")
	span.RecordError(errors.New("you are hunter2"))
	span.SetStatus(codes.Error, "you are hunter2")
	span.End()
	require.Len(t, sent.GetSpans(), 1)
	said := sent.GetSpans()[0]
	require.Equal(t, "call", said.Name)
	require.Equal(t, trace.Status{Code: codes.Error}, said.Status)
	require.Empty(t, said.Events)
}
