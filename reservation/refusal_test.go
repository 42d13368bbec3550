package reservation_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"stockhold/inventory"
	"stockhold/reservation"
)

// all runs operations in one batch, if nothing splits it.
func (s *shop) all(t *testing.T, ops ...*reservation.Operation) []reservation.Answer {
	t.Helper()
	return s.Ledger().Do(t.Context(), ops)
}

// holding is a Try that is due at once.
func holding(name string, lines ...inventory.Line) *reservation.Operation {
	return &reservation.Operation{Call: reservation.Try, ID: id(name), By: reservation.ByCaller, Lines: lines,
		Fingerprint: reservation.FingerprintOf(lines), OnExpiry: reservation.ReleaseOnExpiry}
}

func asking(call reservation.Call, name string) *reservation.Operation {
	return &reservation.Operation{Call: call, ID: id(name), By: reservation.ByCaller}
}

// A refusal is a result like any other: it rolls nothing back, and what it changes
// is written.
func TestARefusalIsAResult(t *testing.T) {
	onEachStore(t, func(t *testing.T, open func() *shop) {
		s := open()
		s.set(t, "A", 3)
		s.set(t, "B", 10)
		require.NoError(t, s.all(t, holding("old", line("A", 1)))[0].Err)
		expired := s.all(t, asking(reservation.ExpireDue, "old"))[0]
		require.NoError(t, expired.Err)
		require.Equal(t, reservation.Expired, expired.Reservation.State)
		require.NoError(t, s.all(t, holding("all", line("A", 3)))[0].Err)

		s.store.disturb(nil, nil)
		answers := s.all(t,
			holding("first", line("B", 1)),
			holding("too-much", line("A", 1)),
			asking(reservation.Fulfill, "all"),
			asking(reservation.ConfirmAny, "old"),
			asking(reservation.Confirm, "nobody"),
			holding("last", line("B", 1)),
		)
		require.Equal(t, 1, s.store.count("begin"))
		require.Equal(t, 1, s.store.count("commit"))
		require.NoError(t, answers[0].Err)
		requireReason(t, reservation.InsufficientStock, answers[1].Err)
		requireReason(t, reservation.NotConfirmed, answers[2].Err)
		refusal := requireReason(t, reservation.WasReleased, answers[3].Err)
		require.Equal(t, []inventory.Shortage{{Key: key("A"), Requested: 1}}, refusal.Shortages)
		requireReason(t, reservation.NotFound, answers[4].Err)
		require.NoError(t, answers[5].Err)
		require.Equal(t, int64(2), s.stock(t, "B").Reserved)

		// The refused taking again was the last: a late duplicate finds stock, and
		// must not take it.
		require.NoError(t, s.do(t, reservation.Cancel, "all").Err)
		old, err := s.Get(t.Context(), id("old"))
		require.NoError(t, err)
		require.Equal(t, reservation.Canceled, old.State)
		requireReason(t, reservation.WasReleased, s.do(t, reservation.ConfirmAny, "old").Err)
		row := s.stock(t, "A")
		require.Equal(t, [3]int64{3, 0, 0}, [3]int64{row.OnHand, row.Reserved, row.Committed})
	})
}

// The Cancel came first, in a batch of its own or in the same one.
func TestTheLateTryOfACancelIsRefused(t *testing.T) {
	onEachStore(t, func(t *testing.T, open func() *shop) {
		s := open()
		s.set(t, "A", 5)
		canceled := s.do(t, reservation.Cancel, "before")
		require.NoError(t, canceled.Err)
		require.False(t, canceled.Replayed)
		requireReason(t, reservation.WasCanceled, s.try(t, "before", line("A", 1)).Err)
		require.True(t, s.do(t, reservation.Cancel, "before").Replayed)

		answers := s.all(t, asking(reservation.Cancel, "together"), holding("together", line("A", 1)))
		require.NoError(t, answers[0].Err)
		requireReason(t, reservation.WasCanceled, answers[1].Err)
		require.Zero(t, s.stock(t, "A").Reserved)
	})
}

// figures reads the package's instruments, which go to the first provider that is set.
var figures = sync.OnceValue(func() *metric.ManualReader {
	reader := metric.NewManualReader()
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))
	return reader
})

// Late, doubled and reordered calls are counted, each by its kind, when their
// batch is committed.
func TestInterceptionsAreCounted(t *testing.T) {
	reader := figures()
	counted := func() map[string]int64 {
		var collected metricdata.ResourceMetrics
		require.NoError(t, reader.Collect(context.Background(), &collected))
		kinds := map[string]int64{}
		for _, scope := range collected.ScopeMetrics {
			for _, m := range scope.Metrics {
				if sum, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == "stockhold.interceptions" {
					for _, point := range sum.DataPoints {
						kind, _ := point.Attributes.Value("kind")
						kinds[kind.AsString()] = point.Value
					}
				}
			}
		}
		return kinds
	}
	s, _ := withGate(t)
	s.set(t, "A", 10)
	before := counted()
	require.NoError(t, s.try(t, "1", line("A", 1)).Err)
	require.Equal(t, before, counted(), "a first call is none")

	require.NoError(t, s.try(t, "1", line("A", 1)).Err)
	requireReason(t, reservation.ReusedID, s.try(t, "1", line("A", 2)).Err)
	require.NoError(t, s.do(t, reservation.Cancel, "2").Err)
	requireReason(t, reservation.WasCanceled, s.try(t, "2", line("A", 1)).Err)
	require.NoError(t, s.do(t, reservation.Confirm, "1").Err)
	requireReason(t, reservation.AlreadyConfirmed, s.do(t, reservation.Cancel, "1").Err)
	late := s.Try(t.Context(), []reservation.TryRequest{{ID: id("3"), Lines: []inventory.Line{line("A", 1)}, NotAfter: time.Now().Add(-time.Hour)}})[0]
	requireReason(t, reservation.TooLate, late.Err)

	after := counted()
	for kind, n := range before {
		after[kind] -= n
	}
	for kind, n := range after {
		if n == 0 {
			delete(after, kind)
		}
	}
	require.Equal(t, map[string]int64{
		string(reservation.Duplicate): 1, string(reservation.IDReused): 1, string(reservation.EmptyCancel): 1,
		string(reservation.TryAfterCancel): 1, string(reservation.CancelAfterConfirm): 1, string(reservation.TryTooLate): 1,
	}, after)
}
