package tracing

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func collecting(t testing.TB, options ...trace.TracerProviderOption) *tracetest.InMemoryExporter {
	spans := tracetest.NewInMemoryExporter()
	Use(trace.NewTracerProvider(append(options, trace.WithSyncer(spans))...))
	t.Cleanup(func() { Use(nil) })
	return spans
}

// A place survives being kept, and what is done there later belongs to the trace.
func TestMarksAreKept(t *testing.T) {
	spans := collecting(t)
	ctx, span := Start(t.Context(), Pass, attribute.String("k", "v"))
	mark := MarkOf(ctx)
	require.Len(t, mark.Bytes(), MarkSize)
	kept, err := ParseMark(mark.Bytes())
	require.NoError(t, err)
	require.Equal(t, mark, kept)
	span.End()

	_, later := Start(kept.Within(t.Context()), Drop)
	later.End()
	both := spans.GetSpans()
	require.Equal(t, both[0].SpanContext.TraceID(), both[1].SpanContext.TraceID())
	require.Equal(t, both[0].SpanContext.SpanID(), both[1].Parent.SpanID())

	var none *Mark
	require.Nil(t, none.Bytes())
	require.Equal(t, t.Context(), none.Within(t.Context()))
	kept, err = ParseMark(none.Bytes())
	require.NoError(t, err)
	require.Nil(t, kept)
	_, err = ParseMark(make([]byte, 7))
	require.ErrorContains(t, err, "7 bytes")
}

// Work for many is a child of the first and links to all, each once; those in it
// that are not sampled are not seen, and where nobody is there is no span.
func TestSharedWork(t *testing.T) {
	spans := collecting(t)
	ctx1, call1 := Start(t.Context(), Pass)
	ctx2, call2 := Start(t.Context(), Pass)
	var links Links
	for _, ctx := range []context.Context{t.Context(), ctx1, ctx2, ctx1} {
		links.Add(MarkOf(ctx))
	}
	shared, batch := StartShared(t.Context(), Batch, &links)
	End(batch, errors.New("at 10.0.0.1"))
	var back Links
	back.Add(MarkOf(shared))
	back.Add(MarkOf(ctx2))
	back.AddTo(ctx2)
	call1.End()
	call2.End()
	_, alone := StartShared(t.Context(), Batch, &Links{})
	alone.End()
	_, inside := StartShared(ctx1, Settle, &Links{})
	inside.End()

	got := spans.GetSpans()
	require.Len(t, got, 4)
	require.Equal(t, "ledger.batch", got[0].Name)
	require.Equal(t, call1.SpanContext().SpanID(), got[0].Parent.SpanID())
	require.Len(t, got[0].Links, 2)
	require.Equal(t, codes.Error, got[0].Status.Code)
	require.Empty(t, got[0].Status.Description, "errors hold addresses")
	require.Empty(t, got[1].Links)
	require.Len(t, got[2].Links, 1, "and not to itself")
	require.Equal(t, batch.SpanContext().SpanID(), got[2].Links[0].SpanContext.SpanID())
	require.Equal(t, call1.SpanContext().SpanID(), got[3].Parent.SpanID())
}

// A pass that is not sampled hides nothing of what is done in it for a call that is.
func TestSampledWithinWhatIsNot(t *testing.T) {
	spans := collecting(t, trace.WithSampler(trace.ParentBased(trace.AlwaysSample())))
	place := func(flags byte) *Mark {
		kept := append(bytes.Repeat([]byte{7 + flags}, MarkSize-1), flags)
		mark, err := ParseMark(kept)
		require.NoError(t, err)
		return mark
	}
	pass := place(0).Within(t.Context())
	_, nobody := StartShared(pass, Check, &Links{})
	nobody.End()
	var links Links
	links.Add(place(1))
	_, check := StartShared(pass, Check, &links)
	check.End()
	got := spans.GetSpans()
	require.Len(t, got, 1)
	require.Equal(t, place(1).trace, got[0].SpanContext.TraceID())
	require.Equal(t, place(1).span, got[0].Parent.SpanID())
}

func TestLinksAreBounded(t *testing.T) {
	collecting(t)
	var links Links
	for range 2 * maxLinks {
		ctx, span := Start(t.Context(), Pass)
		links.Add(MarkOf(ctx))
		span.End()
	}
	require.Len(t, links.all(), maxLinks)
}

func TestWhatIsNotSampledLeavesNothing(t *testing.T) {
	spans := collecting(t, trace.WithSampler(trace.NeverSample()))
	ctx, span := Start(t.Context(), Pass)
	require.Nil(t, MarkOf(ctx))
	span.End()
	require.Empty(t, spans.GetSpans())
}

// Where nobody collects spans, none of this allocates.
func TestOffCostsNothing(t *testing.T) {
	require.False(t, On())
	ctx := t.Context()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if MarkOf(ctx) != nil {
			t.Error("a mark of nothing")
		}
		_, span := Start(ctx, Pass)
		End(span, nil)
		_, span = StartShared(ctx, Batch, nil)
		End(span, nil)
	}))
}
