package store_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/store"
	"stockhold/inventory"
	"stockhold/reservation"
)

func TestHoldTakeAndGiveBack(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store.Store) {
		service := serve(t, s)
		stocked(t, service, "A", 10)
		stocked(t, service, "B", 5)

		require.NoError(t, hold(t, service, id("1"), line("A", 3), line("B", 1)).Err)
		require.NoError(t, hold(t, service, id("2"), line("A", 7)).Err)
		require.Equal(t, inventory.Stock{Key: key("A"), OnHand: 10, Reserved: 10, Version: 3}, stock(t, service, "A"))

		var refusal *reservation.Refusal
		require.ErrorAs(t, hold(t, service, id("3"), line("A", 1), line("B", 1)).Err, &refusal)
		require.Equal(t, reservation.InsufficientStock, refusal.Reason)
		require.Equal(t, []inventory.Shortage{{Key: key("A"), Requested: 1}}, refusal.Shortages)

		require.NoError(t, do(t, service, reservation.Confirm, id("1")).Err)
		require.NoError(t, do(t, service, reservation.Cancel, id("2")).Err)
		require.Equal(t, inventory.Stock{Key: key("A"), OnHand: 10, Committed: 3, Version: 5}, stock(t, service, "A"))
		require.NoError(t, do(t, service, reservation.Fulfill, id("1")).Err)
		require.Equal(t, inventory.Stock{Key: key("A"), OnHand: 7, Version: 6}, stock(t, service, "A"))

		again := hold(t, service, id("1"), line("B", 1), line("A", 3))
		require.NoError(t, again.Err)
		require.True(t, again.Replayed)
		require.Equal(t, reservation.Fulfilled, again.Reservation.State)

		read, err := service.Get(t.Context(), id("1"))
		require.NoError(t, err)
		require.Equal(t, []inventory.Line{line("A", 3), line("B", 1)}, read.Lines)
		require.Equal(t, read, again.Reservation)
	})
}

func TestConcurrentTrysNeverOversell(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store.Store) {
		service := serve(t, s)
		stocked(t, service, "A", 100)
		var wg sync.WaitGroup
		var mu sync.Mutex
		held := 0
		for i := range 200 {
			wg.Go(func() {
				answer := hold(t, service, id(fmt.Sprint(i)), line("A", 1))
				mu.Lock()
				defer mu.Unlock()
				if answer.Err == nil {
					held++
				}
			})
		}
		wg.Wait()
		require.Equal(t, 100, held)
		require.Equal(t, int64(100), stock(t, service, "A").Reserved)
	})
}

func stock(t *testing.T, service *reservation.Service, sku string) inventory.Stock {
	t.Helper()
	s, err := service.GetStock(t.Context(), key(sku))
	require.NoError(t, err)
	return s
}
