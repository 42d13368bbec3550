package reservation

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// The table is written out once more, by hand, as the contract states it: one
// word a cell. A cell is what the call answers; "-> STATE" moves, "= replay"
// changes nothing, a reason refuses.
var table = []struct {
	state State
	cells map[string]string
}{
	{None, map[string]string{
		"try same": "-> RESERVED if fits", "try other": "-> RESERVED if fits",
		"confirm": "NOT_FOUND", "confirm_any": "NOT_FOUND",
		"cancel": "-> CANCELED", "cancel_known": "NOT_FOUND",
		"extend": "NOT_FOUND", "fulfill": "NOT_FOUND", "return": "NOT_FOUND",
		"expire_due now": "no change", "expire_due early": "no change", "confirm_due now": "no change", "confirm_due early": "no change",
	}},
	{Reserved, map[string]string{
		"try same": "replay", "try other": "ID_REUSED",
		"confirm": "-> CONFIRMED", "confirm_any": "-> CONFIRMED",
		"cancel": "-> CANCELED", "cancel_known": "-> CANCELED",
		"extend": "no change", "fulfill": "NOT_CONFIRMED", "return": "NOT_CONFIRMED",
		"expire_due now": "-> EXPIRED", "expire_due early": "no change", "confirm_due now": "-> CONFIRMED", "confirm_due early": "no change",
	}},
	{Confirmed, map[string]string{
		"try same": "replay", "try other": "ID_REUSED",
		"confirm": "replay", "confirm_any": "replay",
		"cancel": "ALREADY_CONFIRMED", "cancel_known": "ALREADY_CONFIRMED",
		"extend": "ALREADY_CONFIRMED", "fulfill": "-> FULFILLED", "return": "-> RETURNED",
		"expire_due now": "no change", "expire_due early": "no change", "confirm_due now": "no change", "confirm_due early": "no change",
	}},
	{Canceled, map[string]string{
		"try same": "CANCELED", "try other": "CANCELED",
		"confirm": "RELEASED", "confirm_any": "RELEASED",
		"cancel": "replay", "cancel_known": "replay",
		"extend": "RELEASED", "fulfill": "RELEASED", "return": "RELEASED",
		"expire_due now": "no change", "expire_due early": "no change", "confirm_due now": "no change", "confirm_due early": "no change",
	}},
	{Expired, map[string]string{
		"try same": "RELEASED", "try other": "ID_REUSED",
		"confirm": "RELEASED", "confirm_any": "-> CONFIRMED if fits",
		"cancel": "-> CANCELED", "cancel_known": "-> CANCELED",
		"extend": "RELEASED", "fulfill": "RELEASED", "return": "RELEASED",
		"expire_due now": "no change", "expire_due early": "no change", "confirm_due now": "no change", "confirm_due early": "no change",
	}},
	{Fulfilled, map[string]string{
		"try same": "replay", "try other": "ID_REUSED",
		"confirm": "replay", "confirm_any": "replay",
		"cancel": "ALREADY_CONFIRMED", "cancel_known": "ALREADY_CONFIRMED",
		"extend": "ALREADY_CONFIRMED", "fulfill": "replay", "return": "ALREADY_FULFILLED",
		"expire_due now": "no change", "expire_due early": "no change", "confirm_due now": "no change", "confirm_due early": "no change",
	}},
	{Returned, map[string]string{
		"try same": "RELEASED", "try other": "ID_REUSED",
		"confirm": "RELEASED", "confirm_any": "RELEASED",
		"cancel": "replay", "cancel_known": "replay",
		"extend": "RELEASED", "fulfill": "RELEASED", "return": "replay",
		"expire_due now": "no change", "expire_due early": "no change", "confirm_due now": "no change", "confirm_due early": "no change",
	}},
}

var columns = []struct {
	name  string
	call  Call
	facts Facts
}{
	{"try same", Try, Facts{SameLines: true}}, {"try other", Try, Facts{}},
	{"confirm", Confirm, Facts{}}, {"confirm_any", ConfirmAny, Facts{}},
	{"cancel", Cancel, Facts{}}, {"cancel_known", CancelKnown, Facts{}},
	{"extend", Extend, Facts{}}, {"fulfill", Fulfill, Facts{}}, {"return", Return, Facts{}},
	{"expire_due now", ExpireDue, Facts{Due: true}}, {"expire_due early", ExpireDue, Facts{}},
	{"confirm_due now", ConfirmDue, Facts{Due: true}}, {"confirm_due early", ConfirmDue, Facts{}},
}

func TestStateTable(t *testing.T) {
	for _, row := range table {
		require.Len(t, row.cells, len(columns))
		for _, column := range columns {
			t.Run(fmt.Sprintf("%s/%s", row.state, column.name), func(t *testing.T) {
				step := Decide(row.state, column.call, column.facts)
				require.Equal(t, row.cells[column.name], inWords(row.state, step))
				require.Equal(t, inBooks(step.Next).minus(inBooks(row.state)), step.Move, "the stock moves by what the states hold")
			})
		}
	}
}

func inWords(from State, step Step) string {
	switch {
	case step.Refusal != 0:
		return step.Refusal.String()
	case step.Next != from && step.IfFits:
		return "-> " + step.Next.String() + " if fits"
	case step.Next != from:
		return "-> " + step.Next.String()
	case step.Caught == Duplicate:
		return "replay"
	default:
		return "no change"
	}
}

// inBooks is what a state holds per unit: moves are derived from it here, and
// written out in the table. A tombstone holds what a canceled hold does: nothing.
func inBooks(s State) Move {
	switch s {
	case Reserved:
		return Move{Reserved: 1}
	case Confirmed:
		return Move{Committed: 1}
	case Fulfilled:
		return Move{OnHand: -1}
	default:
		return Move{}
	}
}

func (m Move) minus(other Move) Move {
	return Move{OnHand: m.OnHand - other.OnHand, Reserved: m.Reserved - other.Reserved, Committed: m.Committed - other.Committed}
}

func TestShortTryLeavesNoRow(t *testing.T) {
	require.Equal(t, Step{Next: None, Refusal: InsufficientStock}, Short(None))
}

func TestShortTakeAgainEndsForGood(t *testing.T) {
	step := Short(Expired)
	require.Equal(t, Canceled, step.Next)
	require.Equal(t, WasReleased, step.Refusal)
	require.Equal(t, Move{}, step.Move)
	require.Equal(t, WasReleased, Decide(step.Next, ConfirmAny, Facts{}).Refusal, "a late duplicate cannot take stock after the refund")
}

// Every late, doubled or reordered call is counted: whatever neither moves nor
// is the plain first call of its kind has a name.
func TestEveryInterceptionHasAName(t *testing.T) {
	for _, row := range table {
		for _, column := range columns {
			step := Decide(row.state, column.call, column.facts)
			if step.Refusal != 0 || step.Caught == Duplicate || (row.state.Ended() && column.call == Cancel) {
				require.NotEmpty(t, step.Caught, "%s, %s", row.state, column.name)
			}
		}
	}
}

func TestAnUnknownCellIsABug(t *testing.T) {
	require.Panics(t, func() { Decide(Returned+1, Try, Facts{}) })
	require.Panics(t, func() { Decide(Reserved, calls, Facts{}) })
}
