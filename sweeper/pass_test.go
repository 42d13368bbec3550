package sweeper

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/reservation"
)

func dueHolds(n int, answer reservation.Answer) []reservation.Due {
	due := make([]reservation.Due, n)
	for i := range due {
		due[i] = reservation.Due{HoldID: hold("orders", fmt.Sprint(i)), NextCheckAt: time.Unix(5, 0), Checks: 2, Answer: answer}
	}
	return due
}

func expired() reservation.Answer {
	return reservation.Answer{Reservation: &reservation.Reservation{State: reservation.Expired}}
}

// However much is due, every step gets its turn, and the pass ends.
func TestPassIsBounded(t *testing.T) {
	pages := map[reservation.OnExpiry]int{}
	ledger := &fakeLedger{runDue: func(policy reservation.OnExpiry) ([]reservation.Due, error) {
		pages[policy]++
		return dueHolds(2, expired()), nil
	}}
	claims := 0
	store := &fakeStore{claim: func(int) ([]reservation.Claim, error) { claims++; return claimed("orders", 3), nil }}
	s := parts{store: store, ledger: ledger, deciders: map[string]Decider{"orders": saying(Pending)}}.sweeper(t)
	var report Report

	more, err := s.decide(t.Context(), &report, nil)

	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, map[reservation.OnExpiry]int{reservation.ReleaseOnExpiry: pagesPerPass, reservation.ConfirmOnExpiry: pagesPerPass}, pages)
	require.Equal(t, pagesPerPass, claims)
	require.Equal(t, Report{Passes: 1, Due: 7 * pagesPerPass, Expired: 4 * pagesPerPass, Pending: 3 * pagesPerPass}, report)
}

// A page that got nowhere would only come again.
func TestPageWithoutProgressEndsItsStep(t *testing.T) {
	stuck := fmt.Errorf("%w: no stock row", reservation.ErrCorrupt)
	for _, tt := range []struct {
		name   string
		answer reservation.Answer
		failed int
	}{
		{"not due under the lock", reservation.Answer{Replayed: true, Reservation: &reservation.Reservation{State: reservation.Reserved}}, 0},
		{"poison that cannot even be put off", reservation.Answer{Err: stuck}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pages := 0
			ledger := &fakeLedger{
				runDue: func(reservation.OnExpiry) ([]reservation.Due, error) { pages++; return dueHolds(2, tt.answer), nil },
				do:     func(*reservation.Operation) reservation.Answer { return reservation.Answer{Err: stuck} },
			}
			var report Report
			more, err := parts{ledger: ledger}.sweeper(t).runPolicy(t.Context(), &report, reservation.ReleaseOnExpiry)
			require.NoError(t, err)
			require.False(t, more)
			require.Equal(t, 1, pages)
			require.Equal(t, tt.failed, report.Failed)
		})
	}
}

// A lost reply to COMMIT shows as holds that have ended already: progress.
func TestHoldsThatEndedMeanwhileAreProgress(t *testing.T) {
	pages := 0
	ledger := &fakeLedger{runDue: func(reservation.OnExpiry) ([]reservation.Due, error) {
		if pages++; pages > 3 {
			return nil, nil
		}
		return dueHolds(2, reservation.Answer{Replayed: true, Reservation: &reservation.Reservation{State: reservation.Expired}}), nil
	}}
	var report Report
	_, err := parts{ledger: ledger}.sweeper(t).runPolicy(t.Context(), &report, reservation.ReleaseOnExpiry)
	require.NoError(t, err)
	require.Equal(t, Report{Due: 6, Overtaken: 6}, report)
}

func TestPoisonOfAPolicyIsPutOffByItsOwnLease(t *testing.T) {
	pages := 0
	ledger := &fakeLedger{runDue: func(reservation.OnExpiry) ([]reservation.Due, error) {
		if pages++; pages > 1 {
			return nil, nil
		}
		return append(dueHolds(1, reservation.Answer{Err: reservation.ErrCorrupt}), dueHolds(3, expired())...), nil
	}}
	var report Report
	_, err := parts{ledger: ledger, opts: Options{ParkAfter: 3}}.sweeper(t).runPolicy(t.Context(), &report, reservation.ReleaseOnExpiry)
	require.NoError(t, err)
	require.Equal(t, Report{Due: 4, Expired: 3, Failed: 1}, report)
	require.Len(t, ledger.ops, 1)
	deferral := ledger.ops[0].Defer
	require.Equal(t, time.Unix(5, 0), deferral.Lease)
	require.Equal(t, 3, deferral.Checks)
	require.True(t, deferral.Park)
}

// The trouble of one step is not the trouble of the next.
func TestEveryStepGetsItsTurn(t *testing.T) {
	claims := 0
	store := &fakeStore{claim: func(int) ([]reservation.Claim, error) { claims++; return nil, nil }}
	ledger := &fakeLedger{runDue: func(reservation.OnExpiry) ([]reservation.Due, error) {
		return nil, fmt.Errorf("%w: gone", reservation.ErrUnavailable)
	}}
	report, err := parts{store: store, ledger: ledger}.sweeper(t).RunOnce(t.Context())
	require.ErrorIs(t, err, reservation.ErrUnavailable)
	require.Equal(t, 1, claims)
	require.Equal(t, 1, store.looks)
	require.Equal(t, Report{Passes: 1, Failed: 2}, report)
}

func TestFullLedgerStopsAPolicy(t *testing.T) {
	pages := 0
	full := &reservation.Refusal{Reason: reservation.Overloaded, Message: "overloaded: the queue is full"}
	ledger := &fakeLedger{runDue: func(reservation.OnExpiry) ([]reservation.Due, error) {
		pages++
		return append(dueHolds(1, expired()), dueHolds(2, reservation.Answer{Err: full})...), nil
	}}
	var report Report
	more, err := parts{ledger: ledger}.sweeper(t).runPolicy(t.Context(), &report, reservation.ReleaseOnExpiry)
	require.ErrorIs(t, err, error(full))
	require.False(t, more)
	require.Equal(t, 1, pages)
	require.Equal(t, Report{Due: 3, Expired: 1, Failed: 2}, report)
	require.Empty(t, ledger.ops, "it is not the holds' fault")
}

// A trouble that lasts is logged when it begins and when it is over.
func TestTroubleIsLoggedOnce(t *testing.T) {
	broken := true
	ledger := &fakeLedger{runDue: func(policy reservation.OnExpiry) ([]reservation.Due, error) {
		if broken && policy == reservation.ReleaseOnExpiry {
			return nil, reservation.ErrUnavailable
		}
		return nil, nil
	}}
	log := &lines{}
	s := parts{ledger: ledger, opts: Options{Logger: log.logger()}}.sweeper(t)
	for range 3 {
		_, err := s.decide(t.Context(), &Report{}, nil)
		require.Error(t, err)
	}
	require.Len(t, log.text, 1)
	require.Contains(t, log.text[0], "policy RELEASE")
	broken = false
	for range 3 {
		_, err := s.decide(t.Context(), &Report{}, nil)
		require.NoError(t, err)
	}
	require.Len(t, log.text, 2)
	require.Contains(t, log.text[1], "at work again")
}

func TestRunPacesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		claims := 0
		store := &fakeStore{claim: func(int) ([]reservation.Claim, error) { claims++; return nil, nil }}
		s := parts{store: store}.sweeper(t)
		ctx, stop := context.WithTimeout(t.Context(), 100*time.Second)
		defer stop()
		require.NoError(t, s.Run(ctx))
		require.InDelta(t, 100, claims, 20)
		require.Equal(t, claims, store.looks)
	})
}

// While something is due there is no pause; the gate and the purge get their turn
// all the same, and no more often than else.
func TestRunGoesOnWhileSomethingIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pages := 0
		ledger := &fakeLedger{runDue: func(policy reservation.OnExpiry) ([]reservation.Due, error) {
			if policy == reservation.ConfirmOnExpiry {
				return nil, nil
			}
			pages++
			time.Sleep(10 * time.Millisecond)
			return dueHolds(2, expired()), nil
		}}
		store := &fakeStore{}
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		require.NoError(t, parts{store: store, ledger: ledger}.sweeper(t).Run(ctx))
		require.InDelta(t, 1000, pages, pagesPerPass+1)
		require.InDelta(t, 10, store.looks, 1)
	})
}

// Slow owners make a pass's share smaller, so that policies do not wait for long.
func TestSlowOwnersDoNotHoldUpAPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &fakeStore{claim: func(int) ([]reservation.Claim, error) { return claimed("orders", 3), nil }}
		s := parts{store: store, deciders: map[string]Decider{"orders": deciderFunc(hanging)}}.sweeper(t)
		began := time.Now()
		more, err := s.decide(t.Context(), &Report{}, nil)
		require.NoError(t, err)
		require.True(t, more)
		require.LessOrEqual(t, time.Since(began), 2*s.opts.RequestTimeout)
	})
}

// What was answered before the stop is acted on; nothing is counted as a failure.
func TestStopBetweenAnswerAndAct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		owner := deciderFunc(func(ctx context.Context, name string, questions []Question) ([]Decision, error) {
			stop()
			return saying(Commit)(ctx, name, questions)
		})
		store := &fakeStore{claim: func(int) ([]reservation.Claim, error) { return claimed("orders", 2), nil }}
		ledger := &fakeLedger{}
		report, err := parts{store: store, ledger: ledger, deciders: map[string]Decider{"orders": owner}}.sweeper(t).RunOnce(ctx)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, Report{Passes: 1, Due: 2, Confirmed: 2}, report)
		require.Len(t, ledger.ops, 2)
	})
}

func TestPurgeIsBoundedInAPassAndCompleteInARun(t *testing.T) {
	left := purgePage*pagesPerPass + 3
	store := &fakeStore{purge: func(limit int) (int, error) {
		n := min(left, limit)
		left -= n
		return n, nil
	}}
	s := parts{store: store}.sweeper(t)
	var report Report
	more, err := s.purge(t.Context(), &report)
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, purgePage*pagesPerPass, report.Purged)
	report, err = s.RunOnce(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, report.Purged)
}
