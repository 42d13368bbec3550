package reservation_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/inventory"
	"stockhold/reservation"
)

// Rules change under calls that are under way, and each call is judged by one set
// of them: what neither set allows is never accepted.
func TestRulesChangeAsAWhole(t *testing.T) {
	onEachStore(t, func(t *testing.T, open func() *shop) {
		s := open()
		s.set(t, "a", 1_000_000)
		s.set(t, "b", 1_000_000)
		wide, deep := reservation.DefaultLimits(), reservation.DefaultLimits()
		wide.Lines, wide.Quantity, wide.Batch = 2, 1, 1
		deep.Lines, deep.Quantity, deep.Batch = 1, 2, 2
		nobody := func(string) bool { return false }
		s.SetRules(reservation.Rules{Limits: wide, HasDecider: nobody})

		stop := make(chan struct{})
		var changing, calls sync.WaitGroup
		changing.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					s.SetRules(reservation.Rules{Limits: []reservation.Limits{wide, deep}[i%2], HasDecider: nobody})
				}
			}
		})
		for caller := range 4 {
			calls.Go(func() {
				for i := range 50 {
					name := fmt.Sprintf("%d-%d", caller, i)
					if answer := s.try(t, name, line("a", 1)); answer.Err != nil {
						t.Errorf("what both allow was answered %v", answer.Err)
					}
					if answer := s.try(t, name+"-both", line("a", 2), line("b", 2)); answer.Err == nil {
						t.Error("it got past the lines of one and the quantity of the other")
					}
					request := reservation.TryRequest{ID: id(name + "-batch"), Lines: []inventory.Line{line("a", 1), line("b", 1)}}
					for _, answer := range s.Try(t.Context(), []reservation.TryRequest{request, request}) {
						if answer.Err == nil {
							t.Error("it got past the items of one and the lines of the other")
						}
					}
				}
			})
		}
		calls.Wait()
		close(stop)
		changing.Wait()
	})
}

// All that rules say is in force once they are set, for every kind of call.
func TestRulesInForce(t *testing.T) {
	onEachStore(t, func(t *testing.T, open func() *shop) {
		s := open()
		s.set(t, "a", 100)
		limits := reservation.DefaultLimits()
		limits.OnHand, limits.PageSize, limits.Batch = 1000, 3, 1
		s.SetRules(reservation.Rules{Limits: limits, HasDecider: func(owner string) bool { return owner == "default" }})
		require.Equal(t, limits, s.Limits())

		change := func(amount int64) error {
			return s.Change(t.Context(), []inventory.Change{{Key: key("a"), Amount: amount}})[0].Err
		}
		requireReason(t, reservation.Invalid, change(1001))
		requireReason(t, reservation.Invalid, change(950)) // the ledger itself: 100 are there
		require.NoError(t, change(900))
		_, err := s.ListStock(t.Context(), "", "", inventory.Key{}, 4)
		requireReason(t, reservation.Invalid, err)
		_, _, err = s.List(t.Context(), reservation.Filter{}, 0, 3)
		require.NoError(t, err)
		refusal := requireReason(t, reservation.Invalid, s.Do(t.Context(), make([]reservation.Request, 2))[1].Err)
		require.Equal(t, "requests", refusal.Violations[0].Field)

		asked := s.try(t, "asked", line("a", 1))
		require.NoError(t, asked.Err)
		require.Equal(t, reservation.AskOwner, asked.Reservation.OnExpiry)
	})
}
