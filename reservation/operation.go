package reservation

import (
	"sync/atomic"
	"time"

	"stockhold/internal/tracing"
	"stockhold/inventory"
)

// Operation is one mutating call on its way through the ledger's batch: what is
// asked (set by its maker, never changed after) and, once answered, the answer.
//
// An operation is either a Call on the reservation ID, a deferral of its next
// check (Defer), or a Change of a stock row.
type Operation struct {
	Call   Call
	ID     HoldID
	By     Resolver
	Reason string // Cancel and an operator's resolve

	// Try only.
	Lines       []Line // merged
	Fingerprint Fingerprint
	TTL         time.Duration // Try and Extend
	OnExpiry    OnExpiry
	Reference   string
	NotAfter    time.Time // zero: whenever
	Frozen      bool      // the gate holds the lines: settle them once this is answered, whatever the answer
	Known       bool      // the id is probably in the ledger already: read it first

	Defer  *Deferral
	Change *inventory.Change

	answer  Answer
	phase   atomic.Int32
	doubted atomic.Bool // a COMMIT that it was in got no reply: it may have happened
	slow    any         // the slow row that it was seen to touch, if it names none itself
	ticket  *ticket
	mark    *tracing.Mark // the call's place in its trace; nil where there is none
	batch   *tracing.Mark // of the transaction that answers it; the same
}

// Deferral puts off the next check of an undecided hold. It does nothing if the
// hold has ended, or if a caller moved its next check since it was claimed.
type Deferral struct {
	Lease  time.Time     // the next_check_at that the claim wrote
	Delay  time.Duration // from the database's now
	Checks int           // check-backs without a decision, this one included
	Park   bool          // show it to an operator
}

// Answer is what became of an operation. Err is nil, a *Refusal, or wraps one of
// the package's sentinels.
type Answer struct {
	Reservation *Reservation
	Stock       *inventory.Stock
	Replayed    bool // this call changed nothing
	Err         error
}

// weight is what an operation costs a batch, in lines.
func (op *Operation) weight() int { return max(1, len(op.Lines)) }

// The phases of an operation. Only the one who moves it out of queued may act:
// a committer that takes it, or its caller that gives up on it.
const (
	queued int32 = iota
	taken
	abandoned
	answered
)

// take claims the operation for a batch; false when its caller has given up.
func (op *Operation) take() bool { return op.phase.CompareAndSwap(queued, taken) }

// abandon gives up on an operation that no batch has begun; false when one has,
// or had: what was once in a COMMIT without a reply stays in doubt wherever it waits.
func (op *Operation) abandon() bool {
	return !op.doubted.Load() && op.phase.CompareAndSwap(queued, abandoned)
}

// finish publishes the answer. Only the batch that took the operation calls it.
func (op *Operation) finish(answer Answer) {
	op.answer = answer
	op.phase.Store(answered)
	op.ticket.done()
}

// ticket tells a caller when all operations of its call are answered.
type ticket struct {
	open   atomic.Int32
	closed chan struct{}
}

func newTicket(n int) *ticket {
	t := &ticket{closed: make(chan struct{})}
	t.open.Store(int32(n))
	return t
}

func (t *ticket) done() {
	if t.open.Add(-1) == 0 {
		close(t.closed)
	}
}
