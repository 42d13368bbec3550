package history

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// story is a history told by hand, a millisecond after another.
type story struct {
	h     History
	clock time.Duration
}

func (s *story) op(call Call, answer Answer) *story {
	s.clock += time.Millisecond
	op := Operation{Call: call, Answer: answer, Called: s.clock, Returned: s.clock + time.Millisecond/2}
	if answer.Open {
		op.Returned = time.Hour
	}
	s.h.Operations = append(s.h.Operations, op)
	return s
}

// during makes the last operation last from an earlier moment to a later one.
func (s *story) during(from, until time.Duration) *story {
	last := &s.h.Operations[len(s.h.Operations)-1]
	last.Called, last.Returned = from, until
	return s
}

func (s *story) at(clock time.Duration) *story {
	s.clock = clock
	return s
}

const (
	release = stockholdv1.OnExpiry_ON_EXPIRY_RELEASE
	ask     = stockholdv1.OnExpiry_ON_EXPIRY_ASK
	due     = 10 * time.Second // of every hold
)

// opened is a shelf with ten units of the first sku.
func opened() *story {
	return new(story).op(Call{Kind: SetStock, Amount: 10}, row1(10, 0, 0, false))
}

func row1(onHand, reserved, committed int64, replayed bool) Answer {
	return Answer{Replayed: replayed, Stock: Stock{OnHand: onHand, Reserved: reserved, Committed: committed}, Available: onHand - reserved - committed}
}

func (s *story) reads(onHand, reserved, committed int64) *story {
	return s.op(Call{Kind: ReadStock}, row1(onHand, reserved, committed, false))
}

func tries(hold int, units int64) Call {
	return Call{Kind: Try, Hold: hold, Lines: Units{units}, TTL: 9 * time.Second, Policy: release}
}

func shows(state stockholdv1.State, units int64) Answer {
	if units == 0 {
		return Answer{State: state}
	}
	return Answer{State: state, Lines: Units{units}, Expires: due}
}

func replays(a Answer) Answer { a.Replayed = true; return a }

func refuses(reason stockholdv1.Reason, a Answer) Answer { a.Refusal = reason; return a }

func lacks(available int64) Answer {
	return Answer{Refusal: insufficient, Short: [SKUs]*int64{&available}}
}

func on(kind Kind, hold int) Call { return Call{Kind: kind, Hold: hold} }

var nobody = Answer{Open: true}

// Stories that obey the contract are explained.
func TestExplained(t *testing.T) {
	for name, s := range map[string]*story{
		"a sale": opened().op(tries(0, 4), shows(reserved, 4)).reads(10, 4, 0).op(tries(0, 4), replays(shows(reserved, 4))).
			op(on(Confirm, 0), shows(confirmed, 4)).reads(10, 0, 4).op(on(Fulfill, 0), shows(fulfilled, 4)).reads(6, 0, 0),
		"sold out": opened().op(tries(0, 8), shows(reserved, 8)).op(tries(1, 3), lacks(2)).op(on(Cancel, 0), shows(canceled, 8)).
			op(tries(1, 3), shows(reserved, 3)).reads(10, 3, 0),
		"a Try without an answer that happened": opened().op(tries(0, 4), nobody).reads(10, 4, 0),
		"one that did not":                      opened().op(tries(0, 4), nobody).reads(10, 0, 0).op(on(Read, 0), refuses(notFound, Answer{})),
		"one that happened late":                opened().op(tries(0, 4), nobody).reads(10, 0, 0).reads(10, 4, 0),
		"run out when due":                      opened().op(tries(0, 4), shows(reserved, 4)).at(due).reads(10, 0, 0).op(on(Confirm, 0), refuses(released, shows(expired, 4))),
		"taken again": opened().op(tries(0, 4), shows(reserved, 4)).at(due).op(on(Read, 0), shows(expired, 4)).
			op(on(ConfirmAny, 0), shows(confirmed, 4)).reads(10, 0, 4),
		"not taken again": opened().op(tries(0, 6), shows(reserved, 6)).at(due).op(on(Read, 0), shows(expired, 6)).
			op(tries(1, 5), Answer{State: reserved, Lines: Units{5}, Expires: 2 * due}).op(on(ConfirmAny, 0), refuses(released, shows(canceled, 6))),
		"a tombstone": opened().op(on(Cancel, 0), shows(canceled, 0)).op(tries(0, 4), refuses(wasCanceled, shows(canceled, 0))),
		"an adjustment that is repeated": opened().op(Call{Kind: AdjustStock, Adjustment: 1, Amount: 5}, row1(15, 0, 0, false)).
			op(Call{Kind: AdjustStock, Adjustment: 1, Amount: 5}, row1(15, 0, 0, true)),
		"two at once": opened().op(tries(0, 6), lacks(4)).during(2*time.Millisecond, 9*time.Millisecond).op(tries(1, 6), shows(reserved, 6)),
	} {
		t.Run(name, func(t *testing.T) { require.NoError(t, s.h.Check()) })
	}
}

// Stories that break a promise are not.
func TestUnexplained(t *testing.T) {
	for name, s := range map[string]*story{
		"oversold":                    opened().op(tries(0, 6), shows(reserved, 6)).op(tries(1, 6), shows(reserved, 6)),
		"oversold by taking again":    opened().op(tries(0, 6), shows(reserved, 6)).at(due).op(on(Read, 0), shows(expired, 6)).op(tries(1, 6), Answer{State: reserved, Lines: Units{6}, Expires: 2 * due}).op(on(ConfirmAny, 0), shows(confirmed, 6)),
		"an answered Try is lost":     opened().op(tries(0, 6), shows(reserved, 6)).op(on(Read, 0), refuses(notFound, Answer{})),
		"its units are lost":          opened().op(tries(0, 6), shows(reserved, 6)).reads(10, 0, 0),
		"its repeat is not a replay":  opened().op(tries(0, 2), shows(reserved, 2)).op(tries(0, 2), shows(reserved, 2)),
		"its repeat is refused":       opened().op(tries(0, 10), shows(reserved, 10)).op(tries(0, 10), lacks(0)),
		"confirmed after release":     opened().op(tries(0, 6), shows(reserved, 6)).op(on(Cancel, 0), shows(canceled, 6)).op(on(Confirm, 0), shows(confirmed, 6)),
		"confirmed after it ran out":  opened().op(tries(0, 6), shows(reserved, 6)).at(due).op(on(Read, 0), shows(expired, 6)).op(on(Confirm, 0), shows(confirmed, 6)),
		"canceled, then taken again":  opened().op(tries(0, 6), shows(reserved, 6)).op(on(Cancel, 0), shows(canceled, 6)).op(on(ConfirmAny, 0), shows(confirmed, 6)),
		"held after its Cancel":       opened().op(on(Cancel, 0), shows(canceled, 0)).op(tries(0, 4), shows(reserved, 4)),
		"ran out before it was due":   opened().op(tries(0, 6), shows(reserved, 6)).reads(10, 0, 0).op(on(Read, 0), shows(expired, 6)),
		"ran out, though it asks":     opened().op(Call{Kind: Try, Lines: Units{6}, TTL: due, Policy: ask}, Answer{State: reserved, Lines: Units{6}, Expires: due + time.Second}).at(2*due).op(on(Read, 0), Answer{State: expired, Lines: Units{6}, Expires: due + time.Second}),
		"given back twice":            opened().op(tries(0, 6), shows(reserved, 6)).op(tries(1, 2), shows(reserved, 2)).op(on(Cancel, 0), shows(canceled, 6)).reads(10, -4, 0),
		"refused, though it is here":  opened().op(tries(0, 6), lacks(5)),
		"refused with a wrong figure": opened().op(tries(0, 6), shows(reserved, 6)).op(tries(1, 6), lacks(5)),
		"half a reservation":          opened().op(Call{Kind: SetStock, Adjustment: 1, SKU: 1, Amount: 1}, row1(1, 0, 0, false)).op(Call{Kind: Try, Lines: Units{2, 2}, TTL: due}, nobody).reads(10, 2, 0),
		"an open call twice":          opened().op(Call{Kind: AdjustStock, Adjustment: 1, Amount: 5}, nobody).reads(15, 0, 0).reads(20, 0, 0),
		"an adjustment done twice":    opened().op(Call{Kind: AdjustStock, Adjustment: 1, Amount: 5}, row1(15, 0, 0, false)).op(Call{Kind: AdjustStock, Adjustment: 1, Amount: 5}, row1(20, 0, 0, false)),
		"a read of the past":          opened().op(tries(0, 6), shows(reserved, 6)).reads(10, 6, 0).reads(10, 0, 0),
		"shipped twice":               opened().op(tries(0, 6), shows(reserved, 6)).op(on(Confirm, 0), shows(confirmed, 6)).op(on(Fulfill, 0), shows(fulfilled, 6)).op(on(Return, 0), shows(returned, 6)),
	} {
		t.Run(name, func(t *testing.T) { requireUnexplained(t, s.h) })
	}
}

func requireUnexplained(t *testing.T, h History) {
	t.Helper()
	nowhere := func(History, porcupine.Model) (string, error) { return "nowhere", nil }
	require.ErrorContains(t, h.judge(nowhere), "no order of events explains")
}

// What nothing explains is kept to look at.
func TestKeep(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	unsound := opened().reads(11, 0, 0).h
	require.ErrorContains(t, unsound.Check(), os.TempDir())
	kept, err := filepath.Glob(filepath.Join(os.TempDir(), "stockhold-history-*", "history.*"))
	require.NoError(t, err)
	require.Len(t, kept, 2, "%v", kept)
	again, err := ReadHistory(kept[1])
	require.NoError(t, err)
	require.Equal(t, unsound, again)
}

// A verdict of the decider ends a hold once it was given, and not before.
func TestWordOfTheOwner(t *testing.T) {
	held := opened().op(Call{Kind: Try, Lines: Units{6}, TTL: 9 * time.Second, Policy: ask}, shows(reserved, 6)).at(due).reads(10, 0, 6)
	given := func(verdict stockholdv1.Verdict, at time.Duration) History {
		held.h.Words = []KeyedWord{{Word: Word{Verdict: verdict, Given: at}}}
		return held.h
	}
	require.NoError(t, given(stockholdv1.Verdict_VERDICT_COMMIT, due).Check())
	requireUnexplained(t, given(stockholdv1.Verdict_VERDICT_COMMIT, 2*due))
	requireUnexplained(t, given(stockholdv1.Verdict_VERDICT_ABORT, due))
	requireUnexplained(t, given(stockholdv1.Verdict_VERDICT_PENDING, due))
}

// A call that was under way when a process lost the reply to COMMIT may have
// happened before its answer came about: here a Confirm that was overtaken by a
// Return between its two runs.
func TestEcho(t *testing.T) {
	s := opened().op(tries(0, 6), shows(reserved, 6)).
		op(on(Confirm, 0), refuses(released, shows(returned, 6))).during(3*time.Millisecond, 9*time.Millisecond).
		op(on(Return, 0), shows(returned, 6))
	requireUnexplained(t, s.h)
	require.NoError(t, s.h.Echoed([]time.Duration{5 * time.Millisecond}).Check())
	requireUnexplained(t, s.h.Echoed([]time.Duration{time.Second}))
}
