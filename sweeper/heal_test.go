package sweeper_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/reservation"
	"stockhold/sweeper"
)

func TestLostConfirmAndLostCancelAreHealed(t *testing.T) {
	onEachStore(t, func(t *testing.T, r *real) {
		r.stocked("A", 10)
		r.overdue(orders("paid"), reservation.AskOwner, "A", 3)
		r.overdue(orders("gone"), reservation.AskOwner, "A", 4)
		r.held(orders("young"), reservation.AskOwner, "A", 1)
		owner := &orderOwner{answer: func(q sweeper.Question) sweeper.Decision {
			if q.ID == "paid" {
				return sweeper.Decision{ID: q.ID, Verdict: sweeper.Commit}
			}
			return sweeper.Decision{ID: q.ID, Verdict: sweeper.Abort}
		}}

		report := r.sweep(asks(owner), calm())

		require.Equal(t, 2, report.Due)
		require.Equal(t, 1, report.Confirmed)
		require.Equal(t, 1, report.Canceled)
		paid, gone := r.get(orders("paid")), r.get(orders("gone"))
		require.Equal(t, reservation.Confirmed, paid.State)
		require.Equal(t, reservation.ByCheckBack, paid.ResolvedBy)
		require.Equal(t, reservation.Canceled, gone.State)
		require.Equal(t, reservation.ByCheckBack, gone.ResolvedBy)
		require.Equal(t, reservation.Reserved, r.state(orders("young")))
		require.Equal(t, "10 on hand, 1 reserved, 3 committed", r.stock("A"))
		require.Equal(t, map[string]int{"paid": 1, "gone": 1}, owner.questions())
		require.Equal(t, "cart "+owner.asked[0].ID, owner.asked[0].Reference)
		require.Equal(t, r.get(orders(owner.asked[0].ID)).ExpiresAt, owner.asked[0].ExpiresAt)
	})
}

func TestPoliciesActWithoutAsking(t *testing.T) {
	onEachStore(t, func(t *testing.T, r *real) {
		r.stocked("A", 10)
		r.overdue(orders("let"), reservation.ReleaseOnExpiry, "A", 3)
		r.overdue(orders("take"), reservation.ConfirmOnExpiry, "A", 4)

		report := r.sweep(nil, calm())

		require.Equal(t, sweeper.Report{Passes: 1, Due: 2, Expired: 1, Confirmed: 1, Refreshed: 1}, report)
		released, taken := r.get(orders("let")), r.get(orders("take"))
		require.Equal(t, reservation.Expired, released.State)
		require.Equal(t, reservation.ByPolicy, released.ResolvedBy)
		require.Equal(t, reservation.Confirmed, taken.State)
		require.Equal(t, reservation.ByPolicy, taken.ResolvedBy)
		require.Equal(t, "10 on hand, 0 reserved, 4 committed", r.stock("A"))
	})
}

// Being looked at is not being due: only expires_at, read under the lock, counts.
func TestPolicyActsOnlyOnWhatIsStillDueUnderTheLock(t *testing.T) {
	onEachStore(t, func(t *testing.T, r *real) {
		r.stocked("A", 10)
		r.held(orders("1"), reservation.ReleaseOnExpiry, "A", 3)
		r.held(orders("2"), reservation.ConfirmOnExpiry, "A", 3)
		r.due(orders("1"))
		r.due(orders("2"))

		report := r.sweep(nil, calm())

		require.Equal(t, 2, report.Overtaken)
		require.Equal(t, reservation.Reserved, r.state(orders("1")))
		require.Equal(t, reservation.Reserved, r.state(orders("2")))
		require.Equal(t, "10 on hand, 6 reserved, 0 committed", r.stock("A"))
	})
}

// Nothing but an answer releases: an owner that is away for good ends in front of
// an operator, its stock held. And it heals when the owner comes back.
func TestSilenceParksAndTheOwnersReturnHeals(t *testing.T) {
	onEachStore(t, func(t *testing.T, r *real) {
		r.stocked("A", 10)
		r.overdue(orders("1"), reservation.AskOwner, "A", 3)
		away := deciderFunc(func([]sweeper.Question) ([]sweeper.Decision, error) { return nil, errors.New("connection refused") })

		opts := calm()
		opts.Backoff, opts.Slowest = 500*time.Millisecond, 500*time.Millisecond
		opts.RequestTimeout, opts.Lease = time.Second, 3*time.Second
		var total sweeper.Report
		for checks := 1; checks <= opts.ParkAfter; checks++ {
			r.due(orders("1"))
			total.Add(r.sweep(asks(away), opts))
			hold := r.get(orders("1"))
			require.Equal(t, checks, hold.Checks)
			require.Equal(t, checks == opts.ParkAfter, hold.Parked())
		}
		require.Equal(t, opts.ParkAfter, total.Unknown)
		require.Equal(t, 1, total.Parked)
		require.Equal(t, "10 on hand, 3 reserved, 0 committed", r.stock("A"))
		undecided, err := r.store.Undecided(t.Context(), 10)
		require.NoError(t, err)
		require.Equal(t, 1, undecided.Parked)
		require.Greater(t, undecided.Oldest, 59*time.Second)

		// Parked holds are still asked, by themselves.
		back := always(sweeper.Commit)
		eventually(t, func() bool { return r.sweep(asks(back), opts).Confirmed == 1 }, "the parked hold was asked about")
		require.Equal(t, reservation.Confirmed, r.state(orders("1")))
		require.Equal(t, "10 on hand, 0 reserved, 3 committed", r.stock("A"))
	})
}

func TestPendingCountsTowardsParking(t *testing.T) {
	onEachStore(t, func(t *testing.T, r *real) {
		r.stocked("A", 10)
		r.overdue(orders("1"), reservation.AskOwner, "A", 3)
		opts := calm()
		for range opts.ParkAfter {
			r.due(orders("1"))
			require.Equal(t, 1, r.sweep(asks(always(sweeper.Pending)), opts).Pending)
		}
		require.True(t, r.get(orders("1")).Parked())
	})
}

func TestOwnerWithoutDeciderIsParked(t *testing.T) {
	onEachStore(t, func(t *testing.T, r *real) {
		r.stocked("A", 10)
		r.overdue(orders("1"), reservation.AskOwner, "A", 3)
		opts := calm()
		for range opts.ParkAfter {
			r.due(orders("1"))
			require.Equal(t, 1, r.sweep(nil, opts).Unknown)
		}
		require.True(t, r.get(orders("1")).Parked())
	})
}

// A caller that extends its hold while its owner is being asked moves the next
// check, and the sweeper must not move it back.
func TestExtendBetweenClaimAndActIsRespected(t *testing.T) {
	for _, verdict := range []sweeper.Verdict{sweeper.Unknown, sweeper.Pending} {
		t.Run(verdict.String(), func(t *testing.T) {
			onEachStore(t, func(t *testing.T, r *real) {
				r.stocked("A", 10)
				r.overdue(orders("1"), reservation.AskOwner, "A", 3)
				owner := deciderFunc(func(questions []sweeper.Question) ([]sweeper.Decision, error) {
					if err := r.do(reservation.Extend, orders("1")).Err; err != nil {
						return nil, err
					}
					return []sweeper.Decision{{ID: "1", Verdict: verdict}}, nil
				})

				require.Equal(t, 1, r.sweep(asks(owner), calm()).Overtaken)

				hold := r.get(orders("1"))
				require.Equal(t, hold.ExpiresAt, hold.NextCheckAt)
				require.Greater(t, time.Until(hold.NextCheckAt), time.Hour)
				require.Zero(t, hold.Checks)
			})
		})
	}
}

// A claim is a lease and nothing else: it is not a check, and it ends.
func TestDeadSweeperLosesOnlyItsLease(t *testing.T) {
	onEachStore(t, func(t *testing.T, r *real) {
		r.stocked("A", 10)
		r.overdue(orders("1"), reservation.AskOwner, "A", 3)
		claims, err := r.store.Claim(t.Context(), 500*time.Millisecond, 10) // and dies
		require.NoError(t, err)
		require.Len(t, claims, 1)

		owner := always(sweeper.Commit)
		eventually(t, func() bool { return r.sweep(asks(owner), calm()).Confirmed == 1 }, "the lease ended")
		require.Zero(t, owner.asked[0].Checks)
	})
}

func TestRunHealsUntilItIsStopped(t *testing.T) {
	onEachStore(t, func(t *testing.T, r *real) {
		r.stocked("A", 10)
		s := r.sweeper(asks(always(sweeper.Commit)), calm())
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()

		for i := range 3 {
			id := orders(fmt.Sprint(i))
			r.overdue(id, reservation.AskOwner, "A", 1)
			eventually(t, func() bool { return r.state(id) == reservation.Confirmed }, "Run healed it")
		}
		stop()
		require.NoError(t, <-done)
	})
}

// A run that is to end ends, though its owner says PENDING for ever.
func TestRunOnceEndsWithAnUndecidedOwner(t *testing.T) {
	onEachStore(t, func(t *testing.T, r *real) {
		r.stocked("A", 100)
		ids := r.overdueAll("", 30, reservation.AskOwner, "A")
		opts := calm()
		opts.Page = 4
		opts.ParkAfter = 100
		owner := deciderFunc(func(questions []sweeper.Question) ([]sweeper.Decision, error) {
			for _, id := range ids {
				r.due(id) // everything is due all the time
			}
			return nil, nil
		})

		report := r.sweep(asks(owner), opts)

		require.Equal(t, 30, report.Due)
		require.Equal(t, 30, report.Unknown)
	})
}
