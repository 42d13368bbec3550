package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/store"
	"stockhold/inventory"
	"stockhold/reservation"
)

// short is the shortest hold.
const short = time.Second

// holdFor holds one unit of A for owner "asks" by default policy (ASK), or for
// another owner (RELEASE).
func holdFor(t *testing.T, service *reservation.Service, owner, name string, ttl time.Duration) inventory.HoldID {
	t.Helper()
	holdID := inventory.HoldID{Owner: owner, ID: name}
	answer := service.Try(t.Context(), []reservation.TryRequest{{ID: holdID, Lines: []inventory.Line{line("A", 1)}, TTL: ttl, Reference: "ref-" + name}})[0]
	require.NoError(t, answer.Err)
	return holdID
}

func untilDue() { time.Sleep(short + 50*time.Millisecond) }

func TestClaimLeasesDueHoldsOnce(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store.Store) {
		service := serve(t, s)
		stocked(t, service, "A", 100)
		const n = 20
		for i := range n {
			holdFor(t, service, "asks", fmt.Sprint(i), short)
			holdFor(t, service, "other", fmt.Sprint(i), short)
		}
		holdFor(t, service, "asks", "later", time.Minute)
		untilDue()

		var mu sync.Mutex
		claimed := map[inventory.HoldID]int{}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					claims, err := s.Claim(t.Context(), time.Minute, 3)
					require.NoError(t, err)
					if len(claims) == 0 {
						return
					}
					mu.Lock()
					for _, c := range claims {
						claimed[c.HoldID]++
						require.Equal(t, "ref-"+c.ID, c.Reference)
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		// SKIP LOCKED may pass over rows that another claim is about to release.
		for {
			claims, err := s.Claim(t.Context(), time.Minute, 3)
			require.NoError(t, err)
			if len(claims) == 0 {
				break
			}
			for _, c := range claims {
				claimed[c.HoldID]++
			}
		}
		require.Len(t, claimed, n)
		for holdID, times := range claimed {
			require.Equal(t, 1, times, holdID)
		}
	})
}

// A deferral moves the next check only while it is the one that the claim wrote.
func TestDeferralRespectsWhatACallerMoved(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store.Store) {
		service := serve(t, s)
		stocked(t, service, "A", 100)
		kept, moved := holdFor(t, service, "asks", "kept", short), holdFor(t, service, "asks", "moved", short)
		untilDue()
		claims, err := s.Claim(t.Context(), time.Minute, 10)
		require.NoError(t, err)
		require.Len(t, claims, 2)
		extended := service.Do(t.Context(), []reservation.Request{{ID: moved, Call: reservation.Extend, TTL: time.Hour}})[0]
		require.NoError(t, extended.Err)

		var ops []*reservation.Operation
		for _, c := range claims {
			ops = append(ops, &reservation.Operation{ID: c.HoldID, Defer: &reservation.Deferral{Lease: c.Lease, Delay: 10 * time.Minute, Checks: 3, Park: true}})
		}
		for _, answer := range service.Ledger().Do(t.Context(), ops) {
			require.NoError(t, answer.Err)
		}
		r, err := service.Get(t.Context(), kept)
		require.NoError(t, err)
		require.True(t, r.Parked())
		require.Equal(t, 3, r.Checks)
		require.Greater(t, r.NextCheckAt.Sub(r.ParkedAt), 9*time.Minute)
		r, err = service.Get(t.Context(), moved)
		require.NoError(t, err)
		require.False(t, r.Parked())
		require.Equal(t, r.ExpiresAt, r.NextCheckAt)

		u, err := s.Undecided(t.Context(), 100)
		require.NoError(t, err)
		require.Equal(t, [3]int{1, 1, 1}, [3]int{u.Overdue, u.Asked, u.Parked})
		require.Positive(t, u.Oldest)

		parked, _, err := service.List(t.Context(), reservation.Filter{Owner: "asks", Parked: true}, 0, 10)
		require.NoError(t, err)
		require.Len(t, parked, 1)
		require.Equal(t, kept, parked[0].HoldID)

		again := service.Do(t.Context(), []reservation.Request{{ID: kept, Call: reservation.Extend, TTL: time.Hour}})[0]
		require.NoError(t, again.Err)
		require.False(t, again.Reservation.Parked(), "an Extend takes it back from the operator")
	})
}

// A hold that is not due yet is passed over, and one whose expiry moved under the
// sweeper's nose is not acted on.
func TestRunDueActsOnWhatIsDue(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store.Store) {
		service := serve(t, s)
		stocked(t, service, "A", 100)
		due := holdFor(t, service, "other", "due", short)
		later := holdFor(t, service, "other", "later", time.Minute)
		asks := holdFor(t, service, "asks", "asks", short)
		untilDue()
		done, err := service.Ledger().RunDue(t.Context(), reservation.ReleaseOnExpiry, 10)
		require.NoError(t, err)
		require.Len(t, done, 1)
		require.Equal(t, due, done[0].HoldID)
		require.Equal(t, reservation.Expired, done[0].Answer.Reservation.State)
		require.Equal(t, reservation.ByPolicy, done[0].Answer.Reservation.ResolvedBy)
		for _, holdID := range []inventory.HoldID{later, asks} {
			r, err := service.Get(t.Context(), holdID)
			require.NoError(t, err)
			require.Equal(t, reservation.Reserved, r.State)
		}
		early := service.Ledger().Do(t.Context(), []*reservation.Operation{{Call: reservation.ExpireDue, ID: later, By: reservation.ByPolicy}})[0]
		require.NoError(t, early.Err)
		require.True(t, early.Replayed)
		require.Equal(t, reservation.Reserved, early.Reservation.State)
		_, err = service.Ledger().RunDue(t.Context(), reservation.AskOwner, 10)
		require.Error(t, err, "nothing but an answer releases")
	})
}

func TestPurgeTakesOnlyWhatEndedLongAgo(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store.Store) {
		service := serve(t, s)
		stocked(t, service, "A", 100)
		end := func(name string, calls ...reservation.Call) {
			holdFor(t, service, "default", name, time.Minute)
			for _, call := range calls {
				require.NoError(t, do(t, service, call, id(name)).Err)
			}
		}
		end("reserved")
		end("confirmed", reservation.Confirm)
		end("canceled", reservation.Cancel)
		end("fulfilled", reservation.Confirm, reservation.Fulfill)
		end("returned", reservation.Confirm, reservation.Return)
		require.NoError(t, do(t, service, reservation.Cancel, id("tombstone")).Err)

		left := func() (names []string) {
			page, next, err := service.List(t.Context(), reservation.Filter{}, 0, 50)
			require.NoError(t, err)
			require.Zero(t, next)
			for _, r := range page {
				names = append(names, r.ID)
			}
			return names
		}
		keep := reservation.Retention{Ended: time.Hour, Tombstones: time.Hour, Adjustments: time.Hour}
		n, err := s.Purge(t.Context(), keep, 1000)
		require.NoError(t, err)
		require.Zero(t, n)
		require.Len(t, left(), 6)

		time.Sleep(10 * time.Millisecond)
		keep.Tombstones = time.Millisecond
		n, err = s.Purge(t.Context(), keep, 1000)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.NotContains(t, left(), "tombstone")

		keep.Ended, keep.Adjustments = time.Millisecond, time.Millisecond
		n, err = s.Purge(t.Context(), keep, 1000)
		require.NoError(t, err)
		require.Equal(t, 4, n, "three that ended and an adjustment")
		require.ElementsMatch(t, []string{"reserved", "confirmed"}, left())
		require.Equal(t, reservation.Canceled, do(t, service, reservation.Cancel, id("fulfilled")).Reservation.State, "what is purged is not known any more")
	})
}
