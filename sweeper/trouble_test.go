package sweeper_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/inventory"
	"stockhold/reservation"
	"stockhold/sweeper"
)

func TestContradictionIsCountedAndTheFirstStateStands(t *testing.T) {
	for _, tt := range []struct {
		name           string
		calls          []reservation.Call // of the caller, while its owner is asked
		verdict        sweeper.Verdict
		state          reservation.State
		contradictions int
	}{
		{"COMMIT after the caller canceled", []reservation.Call{reservation.Cancel}, sweeper.Commit, reservation.Canceled, 1},
		{"ABORT after the caller confirmed", []reservation.Call{reservation.Confirm}, sweeper.Abort, reservation.Confirmed, 1},
		{"ABORT after the goods were shipped", []reservation.Call{reservation.Confirm, reservation.Fulfill}, sweeper.Abort, reservation.Fulfilled, 1},
		{"COMMIT after the caller confirmed", []reservation.Call{reservation.Confirm}, sweeper.Commit, reservation.Confirmed, 0},
		{"ABORT after the caller canceled", []reservation.Call{reservation.Cancel}, sweeper.Abort, reservation.Canceled, 0},
		{"COMMIT after the goods came back", []reservation.Call{reservation.Confirm, reservation.Return}, sweeper.Commit, reservation.Returned, 0},
		{"ABORT after the goods came back", []reservation.Call{reservation.Confirm, reservation.Return}, sweeper.Abort, reservation.Returned, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onEachStore(t, func(t *testing.T, r *real) {
				r.stocked("A", 10)
				r.overdue(orders("1"), reservation.AskOwner, "A", 3)
				owner := deciderFunc(func([]sweeper.Question) ([]sweeper.Decision, error) {
					for _, call := range tt.calls {
						if err := r.do(call, orders("1")).Err; err != nil {
							return nil, err
						}
					}
					return []sweeper.Decision{{ID: "1", Verdict: tt.verdict}}, nil
				})

				report := r.sweep(asks(owner), calm())

				require.Equal(t, tt.contradictions, report.Contradictions)
				require.Equal(t, 1-tt.contradictions, report.Overtaken)
				require.Equal(t, tt.state, r.state(orders("1")))
				require.Equal(t, reservation.ByCaller, r.get(orders("1")).ResolvedBy)
			})
		})
	}
}

// A decider that says COMMIT to one sweeper and ABORT to another.
func TestFlippingDecider(t *testing.T) {
	onEachStore(t, func(t *testing.T, r *real) {
		r.stocked("A", 10)
		r.overdue(orders("1"), reservation.AskOwner, "A", 3)
		second := r.sweeper(asks(always(sweeper.Commit)), calm())
		owner := deciderFunc(func([]sweeper.Question) ([]sweeper.Decision, error) {
			r.due(orders("1")) // the first sweeper's lease ends
			report, err := second.RunOnce(t.Context())
			if err == nil && report.Confirmed != 1 {
				err = fmt.Errorf("the second sweeper confirmed %d", report.Confirmed)
			}
			return []sweeper.Decision{{ID: "1", Verdict: sweeper.Abort}}, err
		})

		require.Equal(t, 1, r.sweep(asks(owner), calm()).Contradictions)
		require.Equal(t, reservation.Confirmed, r.state(orders("1")))
		require.Equal(t, "10 on hand, 0 reserved, 3 committed", r.stock("A"))
	})
}

// What an owner answers about holds of others, or ones it was not asked about,
// moves nothing.
func TestDecisionsThatNobodyAskedForAreIgnored(t *testing.T) {
	onEachStore(t, func(t *testing.T, r *real) {
		r.stocked("A", 10)
		stranger := inventory.HoldID{Owner: "others", ID: "2"}
		r.overdue(orders("1"), reservation.AskOwner, "A", 3)
		r.held(orders("3"), reservation.AskOwner, "A", 1)
		r.held(stranger, reservation.AskOwner, "A", 2)
		owner := deciderFunc(func([]sweeper.Question) ([]sweeper.Decision, error) {
			return []sweeper.Decision{{ID: "2", Verdict: sweeper.Abort}, {ID: "3", Verdict: sweeper.Abort}, {ID: "orders/1", Verdict: sweeper.Abort}}, nil
		})

		require.Equal(t, 1, r.sweep(asks(owner), calm()).Unknown)
		require.Equal(t, "10 on hand, 6 reserved, 0 committed", r.stock("A"))
	})
}

func TestPoisonRowDoesNotStopAPass(t *testing.T) {
	for _, tt := range []struct {
		policy reservation.OnExpiry
		want   reservation.State
	}{
		{reservation.ReleaseOnExpiry, reservation.Expired},
		{reservation.ConfirmOnExpiry, reservation.Confirmed},
		{reservation.AskOwner, reservation.Confirmed},
	} {
		t.Run(tt.policy.String(), func(t *testing.T) {
			onEachStore(t, func(t *testing.T, r *real) {
				r.stocked("A", 100)
				r.overdueAll("", 20, tt.policy, "A")
				r.poison("7")
				opts := calm()
				opts.Page = 5
				opts.ParkAfter = 1

				report, err := r.sweeper(asks(always(sweeper.Commit)), opts).RunOnce(t.Context())

				require.NoError(t, err)
				require.Equal(t, 1, report.Failed)
				require.Equal(t, 1, report.Parked)
				require.Equal(t, 19, report.Confirmed+report.Expired)
				for i := range 20 {
					if i != 7 {
						require.Equal(t, tt.want, r.state(orders(fmt.Sprint(i))), i)
					}
				}
				poisoned := r.get(orders("7"))
				require.True(t, poisoned.Parked())
				require.Equal(t, 1, poisoned.Checks)
				require.Greater(t, time.Until(poisoned.NextCheckAt), 30*time.Minute)

				r.exec("DROP TRIGGER poison")
				r.due(orders("7"))
				require.Equal(t, 1, r.sweep(asks(always(sweeper.Commit)), opts).Due)
				require.Equal(t, tt.want, r.state(orders("7")))
			})
		})
	}
}

// A line whose stock row somebody deleted by hand: the table cannot be applied.
func TestCorruptHoldFailsAlone(t *testing.T) {
	onEachStore(t, func(t *testing.T, r *real) {
		r.stocked("A", 10)
		r.stocked("B", 10)
		r.overdue(orders("1"), reservation.AskOwner, "A", 1)
		r.overdue(orders("2"), reservation.AskOwner, "B", 1)
		r.exec("DELETE FROM stocks WHERE sku = 'A'")

		report, err := r.sweeper(asks(always(sweeper.Abort)), calm()).RunOnce(t.Context())

		require.NoError(t, err)
		require.Equal(t, 1, report.Failed)
		require.Equal(t, reservation.Reserved, r.state(orders("1")))
		require.Equal(t, 1, r.get(orders("1")).Checks)
		require.Equal(t, reservation.Canceled, r.state(orders("2")))
	})
}

func TestTwoSweepersAskAndActOnceEach(t *testing.T) {
	onEachStore(t, func(t *testing.T, r *real) {
		const holds = 100
		r.stocked("A", 10*holds)
		r.overdueAll("ask-", holds, reservation.AskOwner, "A")
		r.overdueAll("release-", holds, reservation.ReleaseOnExpiry, "A")
		owner := always(sweeper.Commit)
		opts := calm()
		opts.Page = 7

		reports := make(chan sweeper.Report, 2)
		errs := make(chan error, 2)
		for range 2 {
			s := r.sweeper(asks(owner), opts)
			go func() {
				report, err := s.RunOnce(t.Context())
				reports <- report
				errs <- err
			}()
		}
		var total sweeper.Report
		for range 2 {
			total.Add(<-reports)
			require.NoError(t, <-errs)
		}

		require.Equal(t, holds, total.Confirmed)
		require.Equal(t, holds, total.Expired)
		require.Zero(t, total.Failed+total.Contradictions+total.Overtaken)
		require.Equal(t, fmt.Sprintf("%d on hand, 0 reserved, %d committed", 10*holds, holds), r.stock("A"))
		for id, times := range owner.questions() {
			require.Equal(t, 1, times, id)
		}
	})
}
