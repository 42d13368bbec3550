package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/store"
	"stockhold/inventory"
	"stockhold/reservation"
)

// Statements that share a round trip are counted each: one that finds fewer rows
// than it must is seen whatever the others find, before and after it, also when
// BEGIN travels with them. Nothing of the batch is done.
func TestStatementsSentTogetherAreCountedEach(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store.Store) {
		service := serve(t, s)
		stocked(t, service, "A", 10)
		ids := []inventory.HoldID{id("1"), id("2"), id("3")}
		for _, each := range ids {
			require.NoError(t, hold(t, service, each, line("A", 1)).Err)
		}
		reading := begin(t, s)
		held, err := reading.LockReservations(t.Context(), ids, reservation.Await)
		require.NoError(t, err)
		reading.Rollback()
		require.Len(t, held, 3)
		moves := func(from, to reservation.State, of ...*reservation.Reservation) reservation.Transition {
			move := reservation.Transition{From: from, To: to, By: reservation.ByCaller, At: time.Now()}
			for _, r := range of {
				move.Keys = append(move.Keys, r.Key)
			}
			return move
		}
		right := moves(reservation.Reserved, reservation.Canceled, held[0], held[1])
		wrong := moves(reservation.Confirmed, reservation.Fulfilled, held[2])
		half := moves(reservation.Reserved, reservation.Canceled, held[0], &reservation.Reservation{Key: 1})
		for name, c := range map[string]struct {
			moved []reservation.Transition
			says  string
		}{
			"first":        {[]reservation.Transition{wrong, right}, "move to FULFILLED: 0 of 1 rows"},
			"last":         {[]reservation.Transition{right, wrong}, "move to FULFILLED: 0 of 1 rows"},
			"one of two":   {[]reservation.Transition{half, moves(reservation.Reserved, reservation.Expired, held[1])}, "move to CANCELED: 1 of 2 rows"},
			"with a stock": {[]reservation.Transition{wrong}, "move to FULFILLED: 0 of 1 rows"},
		} {
			for _, locked := range []bool{false, true} {
				t.Run(name, func(t *testing.T) {
					tx := begin(t, s)
					if locked { // else BEGIN is still to be sent
						_, err := tx.LockReservations(t.Context(), ids, reservation.Await)
						require.NoError(t, err)
					}
					err := tx.Write(t.Context(), &reservation.Changes{Moved: c.moved,
						Stocks: []inventory.Stock{{Key: key("A"), OnHand: 99, Version: 99}}})
					require.ErrorIs(t, err, reservation.ErrCorrupt)
					require.ErrorContains(t, err, c.says)
					tx.Rollback()
				})
			}
		}
		for _, each := range ids {
			r, err := service.Get(t.Context(), each)
			require.NoError(t, err)
			require.Equal(t, reservation.Reserved, r.State)
		}
		row, err := service.GetStock(t.Context(), key("A"))
		require.NoError(t, err)
		require.Equal(t, [2]int64{10, 3}, [2]int64{row.OnHand, row.Reserved})
	})
}
