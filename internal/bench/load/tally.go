// Package load drives callers against a service and measures what they get: as
// many calls as so many callers can make (closed loop), or calls that come at a
// fixed rate whatever became of the ones before (open loop).
package load

import "context"

// Outcome is what became of one call. A batch has several of a kind.
type Outcome struct {
	Accepted  int   // new reservations that the answer says are held
	Confirmed int   // of these, taken by the same call
	Replayed  int   // answered as done before
	Refused   int   // refused for want of stock
	Err       error // anything else: nobody knows what was done
}

// Caller makes one call after another; each is used by one goroutine at a time.
type Caller func(ctx context.Context) Outcome

// Tally adds up outcomes.
type Tally struct {
	Calls     int64 `json:"calls"`
	Accepted  int64 `json:"accepted"`
	Confirmed int64 `json:"confirmed"`
	Replayed  int64 `json:"replayed"`
	Refused   int64 `json:"refused"`
	Failed    int64 `json:"failed"`
}

func (t *Tally) add(o Outcome) {
	t.Calls++
	t.Accepted += int64(o.Accepted)
	t.Confirmed += int64(o.Confirmed)
	t.Replayed += int64(o.Replayed)
	t.Refused += int64(o.Refused)
	if o.Err != nil {
		t.Failed++
	}
}

// Plus is the sum of both.
func (t Tally) Plus(other Tally) Tally {
	return Tally{
		Calls:     t.Calls + other.Calls,
		Accepted:  t.Accepted + other.Accepted,
		Confirmed: t.Confirmed + other.Confirmed,
		Replayed:  t.Replayed + other.Replayed,
		Refused:   t.Refused + other.Refused,
		Failed:    t.Failed + other.Failed,
	}
}
