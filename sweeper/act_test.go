package sweeper

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/inventory"
	"stockhold/reservation"
)

func TestWhatAReplyAsksOfTheLedger(t *testing.T) {
	s := parts{opts: Options{Backoff: 8 * time.Second, Slowest: time.Minute, ParkAfter: 4, BreakerPause: 20 * time.Second}}.sweeper(t)
	about := func(d time.Duration) [2]time.Duration { return [2]time.Duration{d * 4 / 5, d} } // the jitter takes off up to a fifth
	exactly := func(d time.Duration) [2]time.Duration { return [2]time.Duration{d, d} }
	lease := time.Unix(99, 0)
	for _, tt := range []struct {
		name   string
		reply  reply
		delay  [2]time.Duration
		checks int
		park   bool
	}{
		{"unknown, the first time", reply{verdict: Unknown}, about(8 * time.Second), 1, false},
		{"unknown, the second time", reply{verdict: Unknown, Claim: reservation.Claim{Checks: 1}}, about(16 * time.Second), 2, false},
		{"unknown, the third time", reply{verdict: Unknown, Claim: reservation.Claim{Checks: 2}}, about(32 * time.Second), 3, false},
		{"unknown, once too often", reply{verdict: Unknown, Claim: reservation.Claim{Checks: 3}}, about(time.Minute), 4, true},
		{"unknown, parked", reply{verdict: Unknown, Claim: reservation.Claim{Checks: 50, Parked: true}}, about(time.Minute), 51, true},
		{"parked, whatever was counted", reply{verdict: Unknown, Claim: reservation.Claim{Checks: 0, Parked: true}}, about(time.Minute), 1, true},
		{"as many checks as can be counted", reply{verdict: Unknown, Claim: reservation.Claim{Checks: maxChecks, Parked: true}}, about(time.Minute), maxChecks, true},

		{"pending, no time said", reply{verdict: Pending}, about(8 * time.Second), 1, false},
		{"pending for 3 s", reply{verdict: Pending, retryAfter: 3 * time.Second}, exactly(3 * time.Second), 1, false},
		{"pending for 1 ms", reply{verdict: Pending, retryAfter: time.Millisecond}, exactly(time.Second), 1, false},
		{"pending for a week", reply{verdict: Pending, retryAfter: 7 * day}, exactly(time.Hour), 1, false},
		{"pending, once too often", reply{verdict: Pending, retryAfter: time.Second, Claim: reservation.Claim{Checks: 3}}, about(time.Minute), 4, true},
		{"pending for longer than parked", reply{verdict: Pending, retryAfter: 30 * time.Minute, Claim: reservation.Claim{Checks: 9, Parked: true}}, exactly(30 * time.Minute), 10, true},
		{"a time beside another verdict", reply{verdict: Unknown, retryAfter: time.Second}, about(8 * time.Second), 1, false},

		{"not asked", reply{unasked: true, verdict: Unknown}, exactly(20 * time.Second), 0, false},
		{"not asked, later", reply{unasked: true, Claim: reservation.Claim{Checks: 3}}, about(32 * time.Second), 3, false},
		{"not asked, parked", reply{unasked: true, Claim: reservation.Claim{Checks: 7, Parked: true}}, about(time.Minute), 7, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.reply.HoldID, tt.reply.Lease = hold("orders", "1"), lease
			op := s.operation(tt.reply, s.newDelays())
			require.Equal(t, hold("orders", "1"), op.ID)
			require.NotNil(t, op.Defer)
			require.Equal(t, lease, op.Defer.Lease)
			require.Equal(t, tt.checks, op.Defer.Checks)
			require.Equal(t, tt.park, op.Defer.Park)
			require.GreaterOrEqual(t, op.Defer.Delay, tt.delay[0])
			require.LessOrEqual(t, op.Defer.Delay, tt.delay[1])
		})
	}

	commit := s.operation(reply{verdict: Commit, Claim: reservation.Claim{HoldID: hold("orders", "1")}}, s.newDelays())
	require.Nil(t, commit.Defer)
	require.Equal(t, reservation.Confirm, commit.Call, "never takes again what was released")
	require.Equal(t, reservation.ByCheckBack, commit.By)
	abort := s.operation(reply{verdict: Abort, Claim: reservation.Claim{HoldID: hold("orders", "1")}}, s.newDelays())
	require.Nil(t, abort.Defer)
	require.Equal(t, reservation.CancelKnown, abort.Call, "leaves no tombstone")
	require.Equal(t, reservation.ByCheckBack, abort.By)
}

// Few different delays are few statements; different pages still do not march in step.
func TestOneDelayForEachCountOfAPage(t *testing.T) {
	s := parts{}.sweeper(t)
	page := s.newDelays()
	for checks := range 20 {
		require.Equal(t, page.after(checks), page.after(checks))
	}
	different := map[time.Duration]bool{}
	for range 50 {
		different[s.newDelays().after(5)] = true
	}
	require.Greater(t, len(different), 10)
}

func TestActKeepsTheGoodAndPutsOffTheBad(t *testing.T) {
	corrupt := fmt.Errorf("%w: no stock row", reservation.ErrCorrupt)
	ledger := &fakeLedger{do: func(op *reservation.Operation) reservation.Answer {
		r := &reservation.Reservation{HoldID: op.ID, State: reservation.Confirmed}
		if op.ID.ID == "1" && op.Defer == nil {
			return reservation.Answer{Err: corrupt}
		}
		return reservation.Answer{Reservation: r}
	}}
	log := &lines{}
	s := parts{ledger: ledger, opts: Options{Logger: log.logger()}}.sweeper(t)
	var report Report

	require.NoError(t, s.act(t.Context(), &report, replyAll(claimed("orders", 3), reply{verdict: Commit})))

	require.Equal(t, Report{Confirmed: 2, Failed: 1}, report)
	require.Len(t, ledger.ops, 4)
	require.Equal(t, hold("orders", "1"), ledger.ops[3].ID)
	require.Equal(t, 1, ledger.ops[3].Defer.Checks)
	require.Len(t, log.text, 1)
	require.Contains(t, log.text[0], "no stock row")
}

// A hold of which not even the next check can be written: its lease is all it has,
// and the others go on.
func TestActGoesOnWhenNothingCanBeWritten(t *testing.T) {
	ledger := &fakeLedger{do: func(op *reservation.Operation) reservation.Answer {
		if op.ID.ID == "1" {
			return reservation.Answer{Err: errors.New("data too long")}
		}
		return reservation.Answer{Reservation: &reservation.Reservation{HoldID: op.ID, State: reservation.Canceled}}
	}}
	s := parts{ledger: ledger}.sweeper(t)
	var report Report
	require.NoError(t, s.act(t.Context(), &report, replyAll(claimed("orders", 3), reply{verdict: Abort})))
	require.Equal(t, Report{Canceled: 2, Failed: 1}, report)
}

func TestActStopsAtALedgerThatIsAwayOrFull(t *testing.T) {
	for _, err := range []error{
		fmt.Errorf("%w: connection refused", reservation.ErrUnavailable),
		reservation.ErrInDoubt,
		&reservation.Refusal{Reason: reservation.Overloaded, Message: "overloaded"},
	} {
		ledger := &fakeLedger{do: func(*reservation.Operation) reservation.Answer { return reservation.Answer{Err: err} }}
		s := parts{ledger: ledger}.sweeper(t)
		var report Report
		require.ErrorIs(t, s.act(t.Context(), &report, replyAll(claimed("orders", 3), reply{verdict: Abort})), err)
		require.Equal(t, Report{Failed: 3}, report)
		require.Len(t, ledger.ops, 3, "their leases try again: nothing is put off")
	}
}

func TestContradictionIsLoggedWithWhoWhatAndWhen(t *testing.T) {
	ledger := &fakeLedger{do: func(op *reservation.Operation) reservation.Answer {
		return reservation.Answer{Err: &reservation.Refusal{Reason: reservation.WasReleased,
			Reservation: &reservation.Reservation{HoldID: op.ID, State: reservation.Canceled, ResolvedBy: reservation.ByOperator}}}
	}}
	log := &lines{}
	s := parts{ledger: ledger, opts: Options{Logger: log.logger()}}.sweeper(t)
	var report Report
	require.NoError(t, s.act(t.Context(), &report, replyAll(claimed("orders", 1), reply{verdict: Commit})))
	require.Equal(t, Report{Contradictions: 1}, report)
	require.Len(t, log.text, 1)
	for _, want := range []string{"owner=orders", "id=0", "verdict=COMMIT", "state=CANCELED", "resolved_by=OPERATOR"} {
		require.Contains(t, log.text[0], want)
	}
}

// A refusal that no claim can meet with is a failure, not a contradiction.
func TestRefusalThatMakesNoSenseFails(t *testing.T) {
	ledger := &fakeLedger{do: func(op *reservation.Operation) reservation.Answer {
		if op.Defer != nil {
			return reservation.Answer{Replayed: true}
		}
		return reservation.Answer{Err: &reservation.Refusal{Reason: reservation.NotFound, Message: "no reservation"}}
	}}
	s := parts{ledger: ledger}.sweeper(t)
	var report Report
	require.NoError(t, s.act(t.Context(), &report, replyAll(claimed("orders", 1), reply{verdict: Commit})))
	require.Equal(t, Report{Failed: 1}, report)
}

func TestParkedIsCountedOnce(t *testing.T) {
	ledger := &fakeLedger{do: func(op *reservation.Operation) reservation.Answer {
		return reservation.Answer{Reservation: &reservation.Reservation{
			HoldID: op.ID, State: reservation.Reserved, Checks: op.Defer.Checks, ParkedAt: time.Unix(1, 0)}}
	}}
	s := parts{ledger: ledger}.sweeper(t)
	replies := replyAll(claimed("orders", 2), reply{verdict: Unknown})
	replies[0].Parked = true
	var report Report
	require.NoError(t, s.act(t.Context(), &report, replies))
	require.Equal(t, Report{Parked: 1}, report)
}

var _ Gate = (*inventory.Gate)(nil)
var _ Store = (reservation.Store)(nil)
var _ Ledger = (*reservation.Ledger)(nil)
