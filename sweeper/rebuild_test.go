package sweeper_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/inventory"
	"stockhold/reservation"
	"stockhold/sweeper"
)

func rowsOf(t *testing.T, r *real, keys ...inventory.Key) []inventory.Row {
	t.Helper()
	rows, err := r.gate.Rows(t.Context(), keys)
	require.NoError(t, err)
	return rows
}

// Whatever is wrong with a row of the gate, a rebuild makes it what the ledger says:
// units that leaked included, which no view mends while others are pending.
func TestARebuildTrustsNothingOfTheGate(t *testing.T) {
	onEachStore(t, func(t *testing.T, r *real) {
		at := func(sku string) inventory.Key { return inventory.Key{Location: "default", SKU: sku} }
		keys := []inventory.Key{at("ahead"), at("behind"), at("different"), at("fine"), at("idle"), at("leaked")}
		for _, key := range keys {
			answer := r.service.Change(t.Context(), []inventory.Change{{Key: key, Set: true, Amount: 10}})[0]
			require.NoError(t, answer.Err)
			require.Equal(t, int64(1), answer.Stock.Version)
		}
		eventually(t, func() bool { return rowsOf(t, r, at("leaked"))[0].Loaded }, "the gate heard of the last commit")
		require.NoError(t, r.gate.Wipe(t.Context()))
		require.NoError(t, r.gate.Settle(t.Context(), []inventory.View{
			{Key: at("ahead"), Quota: 3, Version: 7}, {Key: at("behind"), Quota: 99, Version: 0},
			{Key: at("different"), Quota: 4, Version: 1}, {Key: at("fine"), Quota: 10, Version: 1},
			{Key: at("leaked"), Quota: 10, Version: 1},
		}, nil))
		freeze := func(id string, key inventory.Key, units int64) {
			frozen := r.gate.Freeze(t.Context(), []inventory.Hold{{HoldID: inventory.HoldID{Owner: "default", ID: id}, Lines: []inventory.Line{{Key: key, Quantity: units}}}})
			require.Equal(t, inventory.Frozen, frozen[0].Outcome)
		}
		freeze("other", at("fine"), 1) // so that the gate is not idle, and nothing mends itself
		freeze("died", at("leaked"), 8)

		done, err := sweeper.Rebuild(t.Context(), r.store, r.gate, keys)
		require.NoError(t, err)
		require.Equal(t, sweeper.Rebuilt{Rows: 5, Behind: 1, Ahead: 1, Different: 1}, done)
		for _, row := range rowsOf(t, r, keys...) {
			if row.SKU == "idle" {
				require.False(t, row.Loaded, "a rebuild does not make the gate larger")
				continue
			}
			require.Equal(t, inventory.Row{View: inventory.View{Key: row.Key, Quota: 10, Version: 1}, Loaded: true}, row)
		}

		// The holds are pending as they were, and give back no more than there is.
		pending, err := r.gate.Pending(t.Context(), 0, 10)
		require.NoError(t, err)
		require.Len(t, pending, 2)
		require.NoError(t, r.gate.Settle(t.Context(), nil, []inventory.HoldID{{Owner: "default", ID: "died"}}))
		require.Zero(t, rowsOf(t, r, at("leaked"))[0].Pending)
	})
}

// While the rows of one sku are rebuilt again and again, exactly what is there is
// held, and no stock that is there is refused.
func TestARebuildUnderLoadNeitherOversellsNorRefuses(t *testing.T) {
	const units = 300
	onEachStore(t, func(t *testing.T, r *real) {
		key := inventory.Key{Location: "default", SKU: "hot"}
		require.NoError(t, r.service.Change(t.Context(), []inventory.Change{{Key: key, Set: true, Amount: units}})[0].Err)

		rebuilding, stop := context.WithCancel(t.Context())
		var rebuilds sync.WaitGroup
		rebuilds.Go(func() {
			for rebuilding.Err() == nil {
				_, err := sweeper.Rebuild(rebuilding, r.store, r.gate, []inventory.Key{key})
				if err != nil && rebuilding.Err() == nil {
					t.Errorf("a rebuild under load: %v", err)
				}
			}
		})
		var held, refused [8]int
		var callers sync.WaitGroup
		for caller := range held {
			callers.Go(func() {
				for i := range units / 4 {
					id := inventory.HoldID{Owner: "default", ID: fmt.Sprintf("%d-%d", caller, i)}
					err := r.service.Try(t.Context(), []reservation.TryRequest{{ID: id, Lines: []inventory.Line{{Key: key, Quantity: 1}}}})[0].Err
					var refusal *reservation.Refusal
					switch {
					case err == nil:
						held[caller]++
					case errors.As(err, &refusal) && refusal.Reason == reservation.InsufficientStock:
						refused[caller]++
					default:
						t.Errorf("%s: %v", id, err)
					}
				}
			})
		}
		callers.Wait()
		stop()
		rebuilds.Wait()
		sum := func(counts [8]int) (n int) {
			for _, count := range counts {
				n += count
			}
			return n
		}
		require.Equal(t, [2]int{units, units}, [2]int{sum(held), sum(refused)})
		stock, err := r.service.GetStock(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, int64(units), stock.Reserved)
	})
}
