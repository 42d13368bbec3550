package history

import stockholdv1 "stockhold/gen/stockhold/v1"

// Short names of the contract's states and reasons.
const (
	none      = stockholdv1.State_STATE_UNSPECIFIED
	reserved  = stockholdv1.State_STATE_RESERVED
	confirmed = stockholdv1.State_STATE_CONFIRMED
	canceled  = stockholdv1.State_STATE_CANCELED
	expired   = stockholdv1.State_STATE_EXPIRED
	fulfilled = stockholdv1.State_STATE_FULFILLED
	returned  = stockholdv1.State_STATE_RETURNED

	insufficient     = stockholdv1.Reason_REASON_INSUFFICIENT_STOCK
	wasCanceled      = stockholdv1.Reason_REASON_CANCELED
	released         = stockholdv1.Reason_REASON_RELEASED
	alreadyConfirmed = stockholdv1.Reason_REASON_ALREADY_CONFIRMED
	notConfirmed     = stockholdv1.Reason_REASON_NOT_CONFIRMED
	alreadyFulfilled = stockholdv1.Reason_REASON_ALREADY_FULFILLED
	idReused         = stockholdv1.Reason_REASON_ID_REUSED
	notFound         = stockholdv1.Reason_REASON_NOT_FOUND
	unknownSKU       = stockholdv1.Reason_REASON_UNKNOWN_SKU
	stale            = stockholdv1.Reason_REASON_STALE
)

// column is a column of the state table.
type column int

const (
	trySame column = iota
	tryOther
	confirmColumn
	confirmAgain
	cancelColumn
	extendColumn
	fulfillColumn
	returnColumn
)

var columns = map[Kind]column{
	Confirm: confirmColumn, ConfirmAny: confirmAgain, Cancel: cancelColumn,
	Extend: extendColumn, Fulfill: fulfillColumn, Return: returnColumn,
}

// cell is what happens to a reservation in a state: where it goes, or why not.
type cell struct {
	to   stockholdv1.State // 0: it stays
	no   stockholdv1.Reason
	fits bool // only if the lines fit what is available; see short
}

var (
	replay = cell{}
	to     = func(s stockholdv1.State) cell { return cell{to: s} }
	ifFits = func(s stockholdv1.State) cell { return cell{to: s, fits: true} }
	no     = func(r stockholdv1.Reason) cell { return cell{no: r} }
)

// table is the contract's state table. Which state follows also says what stock
// moves: see [moves].
var table = map[stockholdv1.State][8]cell{
	//          Try same lines    Try other lines   Confirm       Confirm again      Cancel                Extend                Fulfill              Return
	none:      {ifFits(reserved), ifFits(reserved), no(notFound), no(notFound), to(canceled), no(notFound), no(notFound), no(notFound)},
	reserved:  {replay, no(idReused), to(confirmed), to(confirmed), to(canceled), replay, no(notConfirmed), no(notConfirmed)},
	confirmed: {replay, no(idReused), replay, replay, no(alreadyConfirmed), no(alreadyConfirmed), to(fulfilled), to(returned)},
	canceled:  {no(wasCanceled), no(wasCanceled), no(released), no(released), replay, no(released), no(released), no(released)},
	expired:   {no(released), no(idReused), no(released), ifFits(confirmed), to(canceled), no(released), no(released), no(released)},
	fulfilled: {replay, no(idReused), replay, replay, no(alreadyConfirmed), no(alreadyConfirmed), replay, no(alreadyFulfilled)},
	returned:  {no(released), no(idReused), no(released), no(released), replay, no(released), no(released), replay},
}

// short is the cell beside one that wants the lines to fit: a refused Try leaves
// nothing, and a refused taking again is the end.
var short = map[stockholdv1.State]cell{
	none:    {no: insufficient},
	expired: {to: canceled, no: released},
}

// share is how many of a line's units count in which counter.
type share struct{ onHand, reserved, committed int64 }

// moves are what a reservation in a state has of its stock row: what moves when
// it goes from one state to the next is the difference.
var moves = map[stockholdv1.State]share{
	reserved:  {reserved: 1},
	confirmed: {committed: 1},
	fulfilled: {onHand: -1},
}
