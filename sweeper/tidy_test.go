package sweeper_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/store"
	"stockhold/internal/testservers"
	"stockhold/inventory"
	"stockhold/reservation"
	"stockhold/sweeper"
)

// freeze leaves a hold pending in the gate, as a process does that dies there.
func (r *real) freeze(id inventory.HoldID, sku string, n int64) {
	r.t.Helper()
	out := r.gate.Freeze(r.t.Context(), []inventory.Hold{{HoldID: id, Lines: []inventory.Line{{Key: key(sku), Quantity: n}}}})
	require.Equal(r.t, inventory.Frozen, out[0].Outcome, out[0].Err)
}

// row waits until the gate has settled what the ledger committed, and shows it.
func (r *real) row(sku string) inventory.Row {
	r.t.Helper()
	rows, err := r.gate.Rows(r.t.Context(), []inventory.Key{key(sku)})
	require.NoError(r.t, err)
	return rows[0]
}

// loaded waits until the gate has the ledger's view of a row.
func (r *real) loaded(sku string) inventory.View {
	r.t.Helper()
	stocks, err := r.store.Stocks(r.t.Context(), []inventory.Key{key(sku)})
	require.NoError(r.t, err)
	require.Len(r.t, stocks, 1)
	view := stocks[0].View()
	eventually(r.t, func() bool { return r.row(sku).View == view }, "the gate heard of the commit")
	return view
}

// A hold whose process died between gate and ledger, and one whose settlement was
// lost: both take units out of sale until they are reaped.
func TestPendingHoldsAreReapedWhateverTheLedgerSays(t *testing.T) {
	onEachStore(t, func(t *testing.T, r *real) {
		r.stocked("A", 10)
		r.held(orders("known"), reservation.AskOwner, "A", 3)
		r.loaded("A")
		r.freeze(orders("known"), "A", 3)
		r.freeze(orders("never"), "A", 4)
		require.Equal(t, int64(7), r.row("A").Pending)

		require.Zero(t, r.sweep(nil, calm()).Reaped, "a hold may be on its way")

		opts := calm()
		opts.Grace = time.Millisecond
		time.Sleep(5 * time.Millisecond) // by Redis's clock, which counts milliseconds
		report := r.sweep(nil, opts)

		require.Equal(t, 2, report.Reaped)
		require.Zero(t, r.row("A").Pending)
		require.Equal(t, int64(7), r.row("A").Quota)
		require.Equal(t, reservation.Reserved, r.state(orders("known")), "the ledger's hold is not the gate's")
		require.Equal(t, "10 on hand, 3 reserved, 0 committed", r.stock("A"))
		require.Zero(t, r.sweep(nil, opts).Reaped)
	})
}

// A view that lags and gets no next one: the gate would sell too little, or let
// through what the ledger refuses.
func TestRefreshBringsViewsUpToDate(t *testing.T) {
	onEachStore(t, func(t *testing.T, r *real) {
		r.stocked("A", 10)
		r.held(orders("1"), reservation.AskOwner, "A", 3)
		truth := r.loaded("A")
		require.NoError(t, r.gate.Wipe(t.Context()))
		require.NoError(t, r.gate.Settle(t.Context(), []inventory.View{{Key: key("A"), Quota: 999, Version: truth.Version - 1}}, nil))

		report := r.sweep(nil, calm())

		require.Equal(t, 1, report.Refreshed)
		require.Zero(t, report.Dropped)
		require.Equal(t, truth, r.row("A").View)
	})
}

// What a gate knows from a ledger that was restored or lost commits is ahead of
// the truth for ever, and no later view of the row would ever be newer.
func TestRefreshDropsViewsThatContradictTheLedger(t *testing.T) {
	for _, tt := range []struct {
		name  string
		wrong func(truth inventory.View) inventory.View
	}{
		{"from the future", func(v inventory.View) inventory.View { v.Quota, v.Version = 999, v.Version+50; return v }},
		{"same version, other quota", func(v inventory.View) inventory.View { v.Quota = 999; return v }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onEachStore(t, func(t *testing.T, r *real) {
				r.stocked("A", 10)
				truth := r.loaded("A")
				require.NoError(t, r.gate.Wipe(t.Context()))
				require.NoError(t, r.gate.Settle(t.Context(), []inventory.View{tt.wrong(truth)}, nil))

				report := r.sweep(nil, calm())

				require.Equal(t, 1, report.Dropped)
				require.Equal(t, truth, r.row("A").View, "the truth is loaded in its place")
			})
		})
	}
	t.Run("unknown to the ledger", func(t *testing.T) {
		onEachStore(t, func(t *testing.T, r *real) {
			require.NoError(t, r.gate.Settle(t.Context(), []inventory.View{{Key: key("A"), Quota: 5, Version: 1}}, nil))

			report := r.sweep(nil, calm())

			require.Equal(t, 1, report.Dropped)
			require.False(t, r.row("A").Loaded)
		})
	})
}

// The refresh goes through all rows, however many slices that takes, and does not
// mistake the work in flight for contradictions.
func TestRefreshUnderLoadDropsNothing(t *testing.T) {
	onEachStore(t, func(t *testing.T, r *real) {
		const skus = 600
		changes := make([]inventory.Change, skus)
		for i := range changes {
			changes[i] = inventory.Change{Key: key(fmt.Sprint("sku-", i)), Set: true, Amount: 1000}
		}
		for _, answer := range r.service.Change(t.Context(), changes) {
			require.NoError(t, answer.Err)
		}
		r.loaded("sku-0")

		stop := make(chan struct{})
		var selling sync.WaitGroup
		for i := range 2 {
			selling.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					answer := r.service.Try(t.Context(), []reservation.TryRequest{{
						ID: orders(fmt.Sprint(i, "-", n)), Lines: []inventory.Line{{Key: key(fmt.Sprint("sku-", n%20)), Quantity: 1}},
					}})[0]
					if answer.Err != nil {
						t.Error(answer.Err)
						return
					}
				}
			})
		}
		for range 3 {
			report := r.sweep(nil, calm())
			require.Zero(t, report.Dropped)
			require.GreaterOrEqual(t, report.Refreshed, skus)
		}
		close(stop)
		selling.Wait()
	})
}

func TestGateAwayIsNotAFailure(t *testing.T) {
	server := testservers.NewRedis(t, testservers.RedisOptions{})
	gate, err := inventory.Open(server.URL(), inventory.Options{Log: quiet})
	require.NoError(t, err)
	dsn := testservers.Database(t)
	s, err := store.OpenMySQL(dsn, store.Options{})
	require.NoError(t, err)
	r := start(t, s, gate, "mysql", dsn)
	r.stocked("A", 10)
	r.overdue(orders("1"), reservation.AskOwner, "A", 3)

	require.NoError(t, server.Kill())
	report, err := r.sweeper(asks(always(sweeper.Commit)), calm()).RunOnce(t.Context())

	require.NoError(t, err)
	require.Equal(t, 1, report.Confirmed)
	require.Zero(t, report.Failed)
	require.Equal(t, 2, report.GateFailed, "reap and refresh")
}

func TestLedgerAwayIsAnErrorAndComesBack(t *testing.T) {
	server := testservers.NewMariaDB(t, testservers.MariaDBOptions{})
	dsn := testservers.DatabaseOn(t, server)
	s, err := store.OpenMySQL(dsn, store.Options{})
	require.NoError(t, err)
	gate, err := inventory.OpenEmbedded(inventory.Options{Log: quiet})
	require.NoError(t, err)
	r := start(t, s, gate, "mysql", dsn)
	r.stocked("A", 10)
	r.overdue(orders("1"), reservation.AskOwner, "A", 3)
	sweeps := r.sweeper(asks(always(sweeper.Commit)), calm())

	require.NoError(t, server.Kill())
	report, err := sweeps.RunOnce(t.Context())
	require.ErrorIs(t, err, reservation.ErrAway)
	require.Positive(t, report.Failed)
	require.Zero(t, report.GateFailed)

	require.NoError(t, server.Restart(t.Context()))
	report, err = sweeps.RunOnce(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, report.Confirmed)
}

func TestPurge(t *testing.T) {
	onEachStore(t, func(t *testing.T, r *real) {
		r.stocked("A", 100)
		ends := map[string][]reservation.Call{
			"canceled":  {reservation.Cancel},
			"confirmed": {reservation.Confirm},
			"fulfilled": {reservation.Confirm, reservation.Fulfill},
			"returned":  {reservation.Confirm, reservation.Return},
			"reserved":  nil,
		}
		for id, calls := range ends {
			r.held(orders(id), reservation.AskOwner, "A", 1)
			for _, call := range calls {
				require.NoError(t, r.do(call, orders(id)).Err)
			}
		}
		r.overdue(orders("expired"), reservation.ReleaseOnExpiry, "A", 1)
		require.NoError(t, r.do(reservation.Cancel, orders("tombstone")).Err)
		require.Equal(t, 1, r.sweep(nil, calm()).Expired)

		opts := calm()
		require.Zero(t, r.sweep(nil, opts).Purged, "all of it ended just now")

		opts.Retention = reservation.Retention{Ended: time.Hour, Tombstones: time.Millisecond, Adjustments: time.Hour}
		time.Sleep(2 * time.Millisecond)
		require.Equal(t, 1, r.sweep(nil, opts).Purged)
		require.Nil(t, r.get(orders("tombstone")))

		opts.Retention = reservation.Retention{Ended: time.Millisecond, Tombstones: time.Millisecond, Adjustments: time.Millisecond}
		require.Equal(t, 5, r.sweep(nil, opts).Purged, "four reservations and an adjustment")
		for _, id := range []string{"canceled", "fulfilled", "returned", "expired"} {
			require.Nil(t, r.get(orders(id)), id)
		}
		require.Equal(t, reservation.Confirmed, r.state(orders("confirmed")))
		require.Len(t, r.get(orders("confirmed")).Lines, 1)
		require.Equal(t, reservation.Reserved, r.state(orders("reserved")))
		require.Len(t, r.get(orders("reserved")).Lines, 1)
		var lines int
		require.NoError(t, r.sql.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM reservation_lines").Scan(&lines))
		require.Equal(t, 2, lines, "rows and lines go together")
	})
}

// A hold that is taken again while the purge is about to delete it.
func TestPurgeLeavesWhatIsTakenAgain(t *testing.T) {
	onEachStore(t, func(t *testing.T, r *real) {
		const holds, rounds = 100, 3
		r.stocked("A", holds*rounds)
		opts := calm()
		opts.Retention = reservation.Retention{Ended: time.Millisecond, Tombstones: time.Hour, Adjustments: time.Hour}
		for round := range rounds {
			ids := r.overdueAll(fmt.Sprint(round, "-"), holds, reservation.ReleaseOnExpiry, "A")
			requests := make([]reservation.Request, holds)
			for i, id := range ids {
				requests[i] = reservation.Request{ID: id, Call: reservation.ConfirmAny}
			}
			require.Equal(t, holds, r.sweep(nil, calm()).Expired)
			time.Sleep(2 * time.Millisecond)

			var purging sync.WaitGroup
			purging.Go(func() { r.sweep(nil, opts) })
			var taken []inventory.HoldID
			for some := range slices.Chunk(requests, 5) {
				for i, answer := range r.service.Do(t.Context(), some) {
					if answer.Err == nil {
						taken = append(taken, some[i].ID)
					}
				}
			}
			purging.Wait()
			for _, id := range taken {
				require.Equal(t, reservation.Confirmed, r.state(id), id)
				require.Len(t, r.get(id).Lines, 1)
			}
			t.Logf("round %d: %d of %d were taken again before the purge", round, len(taken), holds)
		}
	})
}
