package inventory

import (
	"errors"
	"fmt"
	"time"
)

// Change is one correction of what is physically there: a recount (Set) or a
// delta. It is done once per ID, however often it is asked.
type Change struct {
	ID        string // the adjustment id: what makes a repeat a replay
	Key       Key
	Set       bool   // true: Amount is the new on_hand; false: Amount is added to it
	Amount    int64  // units
	Expected  *int64 // Set only: the on_hand that the caller saw; nil when it does not care
	Reason    string
	Reference string
}

// Adjustment is a change that was done, as the ledger keeps it.
type Adjustment struct {
	Change
	At time.Time
}

// Why a change cannot be done. Nothing has changed then.
var (
	ErrStale    = errors.New("expected_on_hand differs")
	ErrNegative = errors.New("on_hand would fall below 0")
	ErrTooMuch  = errors.New("on_hand would exceed the limit")
)

// Same reports whether a known adjustment is this very change. Reason and
// reference are notes: a repeat may word them otherwise.
func (c Change) Same(known Change) bool {
	if c.Key != known.Key || c.Set != known.Set || c.Amount != known.Amount {
		return false
	}
	if c.Expected == nil || known.Expected == nil {
		return c.Expected == known.Expected
	}
	return *c.Expected == *known.Expected
}

// Apply computes the on_hand after the change, given the one before (0 for a
// row that is not there) and the most that a row may hold.
func (c Change) Apply(onHand, limit int64) (int64, error) {
	if c.Expected != nil && *c.Expected != onHand {
		return 0, fmt.Errorf("%w: expected %d of %s, found %d", ErrStale, *c.Expected, c.Key, onHand)
	}
	after := c.Amount
	if !c.Set {
		after += onHand
	}
	if after > limit {
		return 0, fmt.Errorf("%w: %d of %s, at most %d", ErrTooMuch, after, c.Key, limit)
	}
	if !c.Set && after < 0 && c.Amount < 0 {
		return 0, fmt.Errorf("%w: %d of %s, changed by %d", ErrNegative, onHand, c.Key, c.Amount)
	}
	return after, nil
}
