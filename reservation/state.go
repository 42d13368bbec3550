package reservation

import "fmt"

// State is where a reservation stands. The numbers are those of the wire
// contract and of the ledger's column; None is the absence of a row.
type State uint8

// The states. Reserved holds stock, Confirmed has taken it; the rest are ends.
const (
	None State = iota
	Reserved
	Confirmed
	Canceled // by its caller, its decider or an operator: final. Without lines it is a tombstone
	Expired  // released by policy; the only end from which stock can be taken again
	Fulfilled
	Returned
)

// Call is what is asked of a reservation: a column of the state table.
type Call uint8

// The calls. Due calls come from the sweeper and change nothing before the
// hold's expiry; all others come from callers, deciders and operators.
const (
	Try         Call = iota // hold the lines
	Confirm                 // take what is held
	ConfirmAny              // Confirm that may take again what was released by policy
	Cancel                  // give back
	CancelKnown             // Cancel that leaves no tombstone: a decider's or operator's word on an existing hold
	Extend                  // hold longer
	Fulfill                 // shipped: units leave on_hand
	Return                  // goods stay or came back: units are available again
	ExpireDue               // policy RELEASE, once due
	ConfirmDue              // policy CONFIRM, once due
	calls       = iota
)

// Facts are what the table must know beside state and call.
type Facts struct {
	SameLines bool // Try: the lines are those of the reservation that is there
	Due       bool // due calls: expires_at has passed by the database's clock, read under the row's lock
}

// Move says what one unit of a line does to its stock row's counters.
type Move struct {
	OnHand    int64
	Reserved  int64
	Committed int64
}

// Step is one cell of the state table: the answer to a call in a state.
type Step struct {
	Next    State        // the state afterwards
	Move    Move         // what each unit of each line moves
	IfFits  bool         // Next and Move only hold if every line fits what is available
	Refusal Reason       // why the call is refused, or 0; a refused call changes nothing but what Next says
	Caught  Interception // what kind of late, doubled or reordered call this was, or ""
}

// Interception names a kind of late, doubled or reordered call. Each is counted.
type Interception string

// The interceptions: the anomalies of a network that loses, repeats and reorders.
const (
	Duplicate           Interception = "duplicate"             // a call that had already been answered OK
	EmptyCancel         Interception = "empty_cancel"          // Cancel before, or without, its Try
	TryAfterCancel      Interception = "try_after_cancel"      // a Try that its own Cancel overtook
	TryAfterRelease     Interception = "try_after_release"     // a Try whose hold was released meanwhile
	IDReused            Interception = "id_reused"             // the same id with other lines
	ConfirmAfterRelease Interception = "confirm_after_release" // a Confirm that came too late
	CancelAfterConfirm  Interception = "cancel_after_confirm"  // would give back what was taken
	CancelAfterExpiry   Interception = "cancel_after_expiry"   // gives back nothing a second time
	OutOfOrder          Interception = "out_of_order"          // Extend, Fulfill or Return in a state that cannot follow
	TryTooLate          Interception = "try_too_late"          // a Try that came after its not_after
	NotHeld             Interception = "not_held"              // anything but Try and Cancel on an unknown id
	NotDue              Interception = "not_due"               // a sweeper that acted on an old reading
)

var (
	hold      = Move{Reserved: +1}
	release   = Move{Reserved: -1}
	take      = Move{Reserved: -1, Committed: +1}
	takeAgain = Move{Committed: +1}
	ship      = Move{Committed: -1, OnHand: -1}
	putBack   = Move{Committed: -1}
)

func stay(at State) Step                 { return Step{Next: at} }
func replayed(at State) Step             { return Step{Next: at, Caught: Duplicate} }
func moved(to State, m Move) Step        { return Step{Next: to, Move: m} }
func ifFits(to State, m Move) Step       { return Step{Next: to, Move: m, IfFits: true} }
func moot(to State, c Interception) Step { return Step{Next: to, Caught: c} }
func refused(at State, r Reason, c Interception) Step {
	return Step{Next: at, Refusal: r, Caught: c}
}

// Decide is the state table: a pure function from where a reservation stands
// and what is asked to what happens. It is the only place that knows.
//
// A cell with IfFits is followed by [Short] when a line does not fit.
func Decide(state State, call Call, facts Facts) Step {
	switch state {
	case None:
		switch call {
		case Try:
			return ifFits(Reserved, hold)
		case Cancel:
			return moot(Canceled, EmptyCancel)
		case ExpireDue, ConfirmDue:
			return stay(None)
		default:
			return refused(None, NotFound, NotHeld)
		}

	case Reserved:
		switch call {
		case Try:
			if facts.SameLines {
				return replayed(Reserved)
			}
			return refused(Reserved, ReusedID, IDReused)
		case Confirm, ConfirmAny:
			return moved(Confirmed, take)
		case Cancel, CancelKnown:
			return moved(Canceled, release)
		case Extend:
			return stay(Reserved)
		case Fulfill, Return:
			return refused(Reserved, NotConfirmed, OutOfOrder)
		case ExpireDue:
			if facts.Due {
				return moved(Expired, release)
			}
			return moot(Reserved, NotDue)
		case ConfirmDue:
			if facts.Due {
				return moved(Confirmed, take)
			}
			return moot(Reserved, NotDue)
		}

	case Confirmed:
		switch call {
		case Try:
			if facts.SameLines {
				return replayed(Confirmed)
			}
			return refused(Confirmed, ReusedID, IDReused)
		case Confirm, ConfirmAny:
			return replayed(Confirmed)
		case Cancel, CancelKnown:
			return refused(Confirmed, AlreadyConfirmed, CancelAfterConfirm)
		case Extend:
			return refused(Confirmed, AlreadyConfirmed, OutOfOrder)
		case Fulfill:
			return moved(Fulfilled, ship)
		case Return:
			return moved(Returned, putBack)
		case ExpireDue, ConfirmDue:
			return moot(Confirmed, NotDue)
		}

	case Canceled:
		switch call {
		case Try:
			return refused(Canceled, WasCanceled, TryAfterCancel)
		case Confirm, ConfirmAny:
			return refused(Canceled, WasReleased, ConfirmAfterRelease)
		case Cancel, CancelKnown:
			return replayed(Canceled)
		case Extend, Fulfill, Return:
			return refused(Canceled, WasReleased, OutOfOrder)
		case ExpireDue, ConfirmDue:
			return moot(Canceled, NotDue)
		}

	case Expired:
		switch call {
		case Try:
			if facts.SameLines {
				return refused(Expired, WasReleased, TryAfterRelease)
			}
			return refused(Expired, ReusedID, IDReused)
		case Confirm:
			return refused(Expired, WasReleased, ConfirmAfterRelease)
		case ConfirmAny:
			return ifFits(Confirmed, takeAgain)
		case Cancel, CancelKnown:
			return moot(Canceled, CancelAfterExpiry) // no stock moves: the expiry gave it back
		case Extend, Fulfill, Return:
			return refused(Expired, WasReleased, OutOfOrder)
		case ExpireDue, ConfirmDue:
			return moot(Expired, NotDue)
		}

	case Fulfilled:
		switch call {
		case Try:
			if facts.SameLines {
				return replayed(Fulfilled)
			}
			return refused(Fulfilled, ReusedID, IDReused)
		case Confirm, ConfirmAny, Fulfill:
			return replayed(Fulfilled)
		case Cancel, CancelKnown:
			return refused(Fulfilled, AlreadyConfirmed, CancelAfterConfirm)
		case Extend:
			return refused(Fulfilled, AlreadyConfirmed, OutOfOrder)
		case Return:
			return refused(Fulfilled, AlreadyFulfilled, OutOfOrder)
		case ExpireDue, ConfirmDue:
			return moot(Fulfilled, NotDue)
		}

	case Returned:
		switch call {
		case Try:
			if facts.SameLines {
				return refused(Returned, WasReleased, TryAfterRelease)
			}
			return refused(Returned, ReusedID, IDReused)
		case Confirm, ConfirmAny:
			return refused(Returned, WasReleased, ConfirmAfterRelease)
		case Cancel, CancelKnown, Return:
			return replayed(Returned)
		case Extend, Fulfill:
			return refused(Returned, WasReleased, OutOfOrder)
		case ExpireDue, ConfirmDue:
			return moot(Returned, NotDue)
		}
	}
	panic(fmt.Sprintf("reservation: no cell for state %d, call %d", state, call))
}

// Short is the cell beside an IfFits one, for lines that do not fit. A refused
// Try leaves no row, so its id may succeed after a restock. A refused taking
// again ends the reservation for good: a late duplicate of it must not take
// stock after the caller has refunded.
func Short(state State) Step {
	if state == Expired {
		return refused(Canceled, WasReleased, ConfirmAfterRelease)
	}
	return Step{Next: None, Refusal: InsufficientStock}
}

// Ended reports whether nothing is held or taken any more.
func (s State) Ended() bool { return s > Confirmed }

var stateNames = [...]string{"NONE", "RESERVED", "CONFIRMED", "CANCELED", "EXPIRED", "FULFILLED", "RETURNED"}

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("STATE(%d)", s)
}

var callNames = [calls]string{"try", "confirm", "confirm_any", "cancel", "cancel_known", "extend", "fulfill", "return", "expire_due", "confirm_due"}

func (c Call) String() string {
	if int(c) < len(callNames) {
		return callNames[c]
	}
	return fmt.Sprintf("call(%d)", c)
}
