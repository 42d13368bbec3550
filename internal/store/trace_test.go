package store_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"stockhold/internal/store"
	"stockhold/internal/tracing"
	"stockhold/inventory"
	"stockhold/reservation"
)

func tracesTo(t *testing.T) *tracetest.InMemoryExporter {
	spans := tracetest.NewInMemoryExporter()
	tracing.Use(trace.NewTracerProvider(trace.WithSyncer(spans)))
	t.Cleanup(func() { tracing.Use(nil) })
	return spans
}

// A Try that was traced is kept with its place, beside those in its batch that were
// not; a sweeper that claims it gets the place, too.
func TestThePlaceOfATryIsKept(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store.Store) {
		tracesTo(t)
		inTrace, span := tracing.Start(t.Context(), tracing.Pass)
		defer span.End()
		mark := tracing.MarkOf(inTrace)

		tx, err := s.Begin(t.Context())
		require.NoError(t, err)
		defer tx.Rollback()
		now, err := tx.Now(t.Context())
		require.NoError(t, err)
		due := now.Add(-time.Second)
		made := func(key int64, name string, mark *tracing.Mark) *reservation.Reservation {
			return &reservation.Reservation{HoldID: id(name), Key: key, State: reservation.Reserved, OnExpiry: reservation.AskOwner,
				CreatedAt: now, ExpiresAt: due, NextCheckAt: due, Trace: mark}
		}
		require.NoError(t, tx.Write(t.Context(), &reservation.Changes{NewReservations: []*reservation.Reservation{
			made(1, "traced", mark), made(2, "untraced", nil),
		}}))
		require.NoError(t, tx.Commit(t.Context()))

		read := func(name string) *tracing.Mark {
			r, err := s.Reservation(t.Context(), id(name))
			require.NoError(t, err)
			return r.Trace
		}
		require.Equal(t, mark, read("traced"))
		require.Nil(t, read("untraced"))
		claims, err := s.Claim(t.Context(), time.Minute, 10)
		require.NoError(t, err)
		require.Len(t, claims, 2)
		marks := map[string]*tracing.Mark{}
		for _, c := range claims {
			marks[c.ID] = c.Trace
		}
		require.Equal(t, map[string]*tracing.Mark{"traced": mark, "untraced": nil}, marks)
	})
}

// Calls of many traces share a transaction, which links to each of them; each of
// them links to it, and what comes later to the Try.
func TestCallsAndTheirTransactionsAreLinked(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store.Store) {
		service := serve(t, s)
		stocked(t, service, "mug", 100)
		spans := tracesTo(t)
		within := func(call func(ctx context.Context)) tracetest.SpanStub {
			spans.Reset()
			ctx, span := tracing.Start(t.Context(), tracing.Pass)
			call(ctx)
			span.End()
			return only(t, spans, tracing.Pass)
		}
		try := within(func(ctx context.Context) {
			require.NoError(t, service.Try(ctx, []reservation.TryRequest{{ID: id("1"), TTL: time.Minute, Lines: []inventory.Line{line("mug", 1)}}})[0].Err)
		})
		batch := only(t, spans, tracing.Batch)
		require.Equal(t, try.SpanContext.TraceID(), batch.SpanContext.TraceID())
		requireLinked(t, batch, try)
		requireLinked(t, try, batch)

		for _, call := range []reservation.Call{reservation.Confirm, reservation.Confirm, reservation.Cancel} { // taken, replayed, refused
			later := within(func(ctx context.Context) { service.Do(ctx, []reservation.Request{{ID: id("1"), Call: call}}) })
			require.NotEqual(t, try.SpanContext.TraceID(), later.SpanContext.TraceID())
			requireLinked(t, later, try)
		}
	})
}

// only waits for the one span of a kind: a transaction's ends after its calls are
// answered.
func only(t *testing.T, spans *tracetest.InMemoryExporter, kind tracing.Kind) tracetest.SpanStub {
	t.Helper()
	var all tracetest.SpanStubs
	require.Eventually(t, func() bool {
		all = slices.DeleteFunc(spans.GetSpans(), func(s tracetest.SpanStub) bool { return s.Name != kind.Name })
		return len(all) > 0
	}, time.Minute, time.Millisecond, kind.Name)
	require.Len(t, all, 1, kind.Name)
	return all[0]
}

func requireLinked(t *testing.T, from, to tracetest.SpanStub) {
	t.Helper()
	require.True(t, slices.ContainsFunc(from.Links, func(l trace.Link) bool {
		return l.SpanContext.SpanID() == to.SpanContext.SpanID() && l.SpanContext.TraceID() == to.SpanContext.TraceID()
	}), "%s does not link to %s", from.Name, to.Name)
}
