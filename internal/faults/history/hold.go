package history

import (
	"math"
	"time"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// hold is a reservation at one point of an order of events.
type hold struct {
	state  stockholdv1.State
	lines  Units
	policy stockholdv1.OnExpiry
	due    time.Duration // its expires_at, or the earliest that this can be
	fuzzy  bool          // the latter
}

// outcome is one of the things that a call may do to a reservation.
type outcome struct {
	hold hold
	want want
}

// want is what an outcome needs of the stock.
type want int

const (
	anything want = iota
	enough        // the lines fit
	tooFew        // a line does not, and the answer's figures are true
	unknown       // a line's sku has no stock row
)

// slack is how far the database's clock may be from the recorder's; they are one
// machine's.
const slack = 20 * time.Millisecond

// never is the end of an operation that may happen at any time.
const never = time.Duration(math.MaxInt64)

// event is an operation as the models see it.
type event struct {
	Call   Call
	Called time.Duration
	Until  time.Duration // it happened before this; never if nobody knows
}

// outcomes lists what an answered or open call may have done to a reservation.
func (h hold) outcomes(e event, answer Answer) []outcome {
	if e.Call.Kind == Read {
		return h.read(answer)
	}
	var all []outcome
	if answer.Open {
		all = append(all, outcome{hold: h}) // it never happened
	}
	switch c := table[h.state][h.column(e.Call)]; {
	case c.fits:
		all = append(all, h.take(c, enough, e, answer)...)
		all = append(all, h.take(short[h.state], tooFew, e, answer)...)
	default:
		all = append(all, h.take(c, anything, e, answer)...)
	}
	if h.state == none && answer.Refusal == unknownSKU && e.Call.Kind == Try {
		all = append(all, outcome{hold: h, want: unknown})
	}
	return all
}

func (h hold) column(call Call) column {
	if call.Kind != Try {
		return columns[call.Kind]
	}
	if h.lines == call.Lines {
		return trySame
	}
	return tryOther
}

// take applies a cell, if the answer is the one that it gives.
func (h hold) take(c cell, want want, e event, answer Answer) []outcome {
	next := h
	if c.to != none {
		next.state = c.to
	}
	out := outcome{hold: next, want: want}
	switch {
	case h.state == none && next.state == reserved:
		out.hold = hold{state: reserved, lines: e.Call.Lines, policy: e.Call.Policy, due: e.Called + e.Call.TTL - slack, fuzzy: true}
	case h.state == reserved && e.Call.Kind == Extend && c.no == 0:
		out.hold.due, out.hold.fuzzy = max(h.due, e.Called+e.Call.TTL-slack), true
	}
	if answer.Open {
		if out.hold == h {
			return nil // as if it never happened
		}
		return []outcome{out}
	}
	if answer.Refusal != c.no {
		return nil
	}
	// An Extend may also move the next check, which nobody sees.
	if changed := next.state != h.state; c.no == 0 && e.Call.Kind != Extend && answer.Replayed == changed {
		return nil
	}
	var ok bool
	if out.hold, ok = out.hold.seen(answer); !ok {
		return nil
	}
	return []outcome{out}
}

// read is what a read sees.
func (h hold) read(answer Answer) []outcome {
	switch {
	case h.state == none && answer.Refusal == notFound:
		return []outcome{{hold: h}}
	case h.state == none || answer.Refusal != 0:
		return nil
	}
	next, ok := h.seen(answer)
	if !ok {
		return nil
	}
	return []outcome{{hold: next}}
}

// seen holds an answer against the reservation that it shows, if it shows one,
// and learns its expires_at.
func (h hold) seen(answer Answer) (hold, bool) {
	if answer.Refusal != 0 && answer.State == none {
		return h, true
	}
	if answer.State != h.state || answer.Lines != h.lines {
		return h, false
	}
	if h.lines == (Units{}) { // a tombstone expires never
		return h, true
	}
	if answer.Expires < h.due || !h.fuzzy && answer.Expires != h.due {
		return h, false
	}
	h.due, h.fuzzy = answer.Expires, false
	return h, true
}

// alone lists what the program may have made of a hold by itself before a moment:
// the hold as it was comes first.
func (h hold) alone(until time.Duration, word Word) []hold {
	all := []hold{h}
	if h.state != reserved || (until != never && until+slack < h.due) {
		return all
	}
	become := func(s stockholdv1.State) {
		next := h
		next.state = s
		all = append(all, next)
	}
	switch h.policy {
	case stockholdv1.OnExpiry_ON_EXPIRY_RELEASE:
		become(expired)
	case stockholdv1.OnExpiry_ON_EXPIRY_CONFIRM:
		become(confirmed)
	case stockholdv1.OnExpiry_ON_EXPIRY_ASK:
		switch {
		case until < word.Given:
		case word.Verdict == stockholdv1.Verdict_VERDICT_COMMIT:
			become(confirmed)
		case word.Verdict == stockholdv1.Verdict_VERDICT_ABORT:
			become(canceled)
		}
	}
	return all
}
