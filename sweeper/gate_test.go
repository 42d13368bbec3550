package sweeper

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/inventory"
	"stockhold/reservation"
)

func pendingHolds(n int) []inventory.Hold {
	holds := make([]inventory.Hold, n)
	for i := range holds {
		holds[i] = inventory.Hold{HoldID: hold("orders", fmt.Sprint(i)), Lines: []inventory.Line{{Key: stockRow("A", 0, 0).Key, Quantity: 1}}}
	}
	return holds
}

// Holds go with the views of their rows, read after the holds were listed: with
// older ones, or none, the gate would show units that were just committed.
func TestReapSettlesWithFreshViews(t *testing.T) {
	version := int64(0)
	gate := &fakeGate{pending: pendingHolds(3), before: func(call string) error {
		if call == "pending" {
			version = 8 // a commit just before the holds are listed
		}
		return nil
	}}
	store := &fakeStore{stocks: func(keys []inventory.Key) ([]inventory.Stock, error) {
		require.Equal(t, []inventory.Key{stockRow("A", 0, 0).Key}, keys)
		return []inventory.Stock{stockRow("A", 5, version)}, nil
	}}
	s := parts{store: store, gate: gate}.sweeper(t)
	var report Report

	more, err := s.reap(t.Context(), &report)

	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, Report{Reaped: 3}, report)
	require.Equal(t, [][]inventory.View{{stockRow("A", 5, 8).View()}}, gate.views)
	require.Equal(t, [][]inventory.HoldID{{hold("orders", "0"), hold("orders", "1"), hold("orders", "2")}}, gate.settled)
}

func TestReapIsBoundedAndGoesOn(t *testing.T) {
	gate := &fakeGate{pending: pendingHolds(reapPage*pagesPerPass + 7)}
	s := parts{gate: gate}.sweeper(t)
	var report Report
	more, err := s.reap(t.Context(), &report)
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, reapPage*pagesPerPass, report.Reaped)
	more, err = s.reap(t.Context(), &report)
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, reapPage*pagesPerPass+7, report.Reaped)
}

// What the gate cannot read does not keep the rest from being reaped.
func TestReapPassesOverStrangeEntries(t *testing.T) {
	gate := &fakeGate{pending: pendingHolds(2), strange: errors.New("key is not a hold's")}
	s := parts{gate: gate}.sweeper(t)
	var report Report
	_, err := s.reap(t.Context(), &report)
	require.ErrorIs(t, err, errGate)
	require.Equal(t, 2, report.Reaped)
}

func TestReapWaitsForTheLedger(t *testing.T) {
	gate := &fakeGate{pending: pendingHolds(2)}
	store := &fakeStore{stocks: func([]inventory.Key) ([]inventory.Stock, error) { return nil, reservation.ErrAway }}
	_, err := parts{store: store, gate: gate}.sweeper(t).reap(t.Context(), &Report{})
	require.ErrorIs(t, err, reservation.ErrAway)
	require.NotErrorIs(t, err, errGate)
	require.Empty(t, gate.settled)
}

// The rows of the gate are read first. The other way round, whatever is committed
// and settled between the two reads makes a healthy row look like one from the
// future, and a row that is being sold is dropped over and over.
func TestRefreshReadsTheGateBeforeTheLedger(t *testing.T) {
	version := int64(5)
	gate := &fakeGate{rows: rowsOf(gateRow("A", 10, version))}
	store := &fakeStore{stocks: func([]inventory.Key) ([]inventory.Stock, error) {
		read := stockRow("A", 10, version)
		version++ // the next batch commits, and settles
		gate.rows = rowsOf(gateRow("A", 10, version))
		return []inventory.Stock{read}, nil
	}}
	s := parts{store: store, gate: gate}.sweeper(t)
	for range 3 {
		var report Report
		require.NoError(t, s.refreshAll(t.Context(), &report))
		require.Equal(t, Report{Refreshed: 1}, report)
	}
	require.Empty(t, gate.dropped)
}

func TestCompare(t *testing.T) {
	unloaded := inventory.Row{View: inventory.View{Key: stockRow("broken", 0, 0).Key}}
	got := compare(
		[]inventory.Row{
			gateRow("same", 5, 7), gateRow("behind", 5, 6), gateRow("ahead", 5, 8), gateRow("different", 4, 7), gateRow("unknown", 5, 7), unloaded,
		},
		[]inventory.Stock{
			stockRow("same", 5, 7), stockRow("behind", 4, 7), stockRow("ahead", 5, 7), stockRow("different", 5, 7), stockRow("broken", 1, 1),
		})
	require.Equal(t, drift{
		wrong:  []inventory.View{gateRow("ahead", 5, 8).View, gateRow("different", 4, 7).View, gateRow("unknown", 5, 7).View},
		behind: 1, ahead: 1, different: 1, unknown: 1,
	}, got)
}

// A dropped row gets the ledger's view in the same step.
func TestRefreshDropsBeforeItSettles(t *testing.T) {
	var calls []string
	gate := &fakeGate{rows: rowsOf(gateRow("A", 5, 9)), before: func(call string) error {
		calls = append(calls, call)
		return nil
	}}
	store := &fakeStore{stocks: func([]inventory.Key) ([]inventory.Stock, error) { return []inventory.Stock{stockRow("A", 3, 8)}, nil }}
	var report Report
	require.NoError(t, parts{store: store, gate: gate}.sweeper(t).refreshAll(t.Context(), &report))
	require.Equal(t, []string{"scan", "rows", "drop", "settle", "reclaim"}, calls)
	require.Equal(t, Report{Refreshed: 1, Dropped: 1}, report)
	require.Equal(t, []inventory.View{gateRow("A", 5, 9).View}, gate.dropped)
}

func TestRefreshGoesSliceBySlice(t *testing.T) {
	gate := &fakeGate{next: 17}
	s := parts{gate: gate}.sweeper(t)
	require.NoError(t, s.refreshSlice(t.Context(), &Report{}))
	gate.next = 99
	require.NoError(t, s.refreshSlice(t.Context(), &Report{}))
	gate.before = func(string) error { return errors.New("another server took over") }
	require.ErrorIs(t, s.refreshSlice(t.Context(), &Report{}), errGate)
	gate.before, gate.next = nil, 0
	require.NoError(t, s.refreshSlice(t.Context(), &Report{}))
	require.Equal(t, []uint64{0, 17, 99, 0}, gate.cursors, "a position means nothing to another server")
}

func TestGateErrorsAreCountedApart(t *testing.T) {
	for _, call := range []string{"pending", "scan", "rows", "drop", "settle", "reclaim"} {
		t.Run(call, func(t *testing.T) {
			gate := &fakeGate{rows: rowsOf(gateRow("A", 5, 9)), before: func(c string) error {
				if c == call {
					return inventory.ErrAway
				}
				return nil
			}}
			store := &fakeStore{stocks: func([]inventory.Key) ([]inventory.Stock, error) { return []inventory.Stock{stockRow("A", 3, 8)}, nil }}
			report, err := parts{store: store, gate: gate}.sweeper(t).RunOnce(t.Context())
			require.NoError(t, err)
			require.Equal(t, 1, report.GateFailed)
			require.Zero(t, report.Failed)
			require.Equal(t, 1, store.looks, "the steps after it get their turn")
		})
	}
}

// Nothing is asked about rows that nothing is pending on, and a gate with too much
// pending is no trouble.
func TestRefreshReclaimsWhatIsInUse(t *testing.T) {
	busy, idle := gateRow("A", 5, 7), gateRow("B", 5, 7)
	busy.Pending = 3
	gate := &fakeGate{rows: rowsOf(busy, idle), leaks: []inventory.Leak{{Key: busy.Key, Units: 2}}}
	store := &fakeStore{stocks: func([]inventory.Key) ([]inventory.Stock, error) {
		return []inventory.Stock{stockRow("A", 5, 7), stockRow("B", 5, 7)}, nil
	}}
	s := parts{store: store, gate: gate}.sweeper(t)
	var report Report
	require.NoError(t, s.refreshAll(t.Context(), &report))
	require.Equal(t, [][]inventory.Key{{busy.Key}}, gate.reclaimed)
	require.Equal(t, Report{Refreshed: 2, Reclaimed: 1}, report)

	gate.before = func(call string) error {
		if call == "reclaim" {
			return fmt.Errorf("much: %w", inventory.ErrManyPending)
		}
		return nil
	}
	report = Report{}
	require.NoError(t, s.refreshAll(t.Context(), &report))
	require.Equal(t, Report{Refreshed: 2}, report)
}
