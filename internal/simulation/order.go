package simulation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"stockhold/inventory"
	"stockhold/reservation"
	"stockhold/sweeper"
)

// asking is the owner that has a decider; the other one's holds expire by policy.
const (
	asking      = "asking"
	releasing   = "releasing"
	callTimeout = 8 * time.Second
	grace       = 12 * time.Second
	ttl         = 3 * time.Second
)

// order is one reservation as its order service sees it.
type order struct {
	id      inventory.HoldID
	lines   []inventory.Line
	verdict sweeper.Verdict          // what its books say
	told    map[sweeper.Verdict]bool // what its decider has answered
	script  []action
	visited map[reservation.State]bool
	mayHold bool // some Try of it may have been done
}

// action is one thing an order service does: it waits, and calls one process,
// or two at once.
type action struct {
	call   reservation.Call
	other  bool // Try with other lines
	after  time.Duration
	wait   bool // for the answer, before the next action
	at     []int
	decide sweeper.Verdict
}

// plan draws what an order service does. Most of it is what one should do; the
// rest is what networks make of it.
func (w *world) plan(o *order) {
	r := w.random
	at := func() []int {
		n := []int{r.IntN(w.size)}
		if r.IntN(4) == 0 {
			n = append(n, r.IntN(w.size))
		}
		return n
	}
	add := func(a action) {
		a.after = time.Duration(r.IntN(3000)) * time.Millisecond
		a.wait = r.IntN(5) > 0
		a.at = at()
		o.script = append(o.script, a)
	}
	if r.IntN(12) == 0 {
		add(action{call: reservation.Cancel})
	}
	add(action{call: reservation.Try})
	if r.IntN(10) == 0 {
		add(action{call: reservation.Try, other: true})
	}
	if r.IntN(6) == 0 {
		add(action{call: reservation.Extend})
	}
	pays := r.IntN(3) > 0
	verdict, last := sweeper.Abort, reservation.Cancel
	if pays {
		verdict, last = sweeper.Commit, reservation.Confirm
	}
	add(action{call: last, decide: verdict})
	if r.IntN(4) == 0 {
		o.script[len(o.script)-1].at = nil // lost
	}
	for range r.IntN(4) {
		extra := []reservation.Call{reservation.Try, reservation.Confirm, reservation.ConfirmAny, reservation.Cancel, reservation.Fulfill, reservation.Return, reservation.Extend, last, last}
		add(action{call: extra[r.IntN(len(extra))]})
	}
}

// run plays an order's script.
func (w *world) run(o *order) {
	var calls sync.WaitGroup
	for i, a := range o.script {
		time.Sleep(a.after)
		if a.decide != 0 {
			w.scheduler.wait(o.id.String()+" decides", nil)
			o.verdict = a.decide
		}
		for j, at := range a.at {
			name := fmt.Sprintf("%s %s #%d.%d", o.id, a.call, i, j)
			calls.Go(func() {
				named(context.Background(), name, func(ctx context.Context) { w.call(ctx, name, o, a, at) })
			})
		}
		if a.wait {
			calls.Wait()
		}
	}
	calls.Wait()
}

// call sends one call to one process and checks the answer against what was
// committed meanwhile.
func (w *world) call(ctx context.Context, name string, o *order, a action, at int) {
	w.scheduler.wait(name+" is sent", nil)
	p := w.processes[at]
	if p.dead {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	lines := o.lines
	if a.other {
		lines = []inventory.Line{{Key: o.lines[0].Key, Quantity: o.lines[0].Quantity + 1}}
	}
	seen := w.watch(o, lines)
	defer w.unwatch(seen)
	var answer reservation.Answer
	if a.call == reservation.Try {
		answer = p.service.Try(ctx, []reservation.TryRequest{{ID: o.id, Lines: lines, TTL: ttl}})[0]
	} else {
		answer = p.service.Do(ctx, []reservation.Request{{ID: o.id, Call: a.call, TTL: ttl}})[0]
	}
	f := w.scheduler.wait(name+" is answered", nil, unsent)
	if f == unsent || p.dead {
		o.mayHold = o.mayHold || a.call == reservation.Try
		return // the answer is lost
	}
	w.checkAnswer(name, o, a, seen, answer)
}

// checkAnswer holds an answer against the books.
func (w *world) checkAnswer(name string, o *order, a action, seen *watch, answer reservation.Answer) {
	var refusal *reservation.Refusal
	is := func(states ...reservation.State) bool {
		for _, s := range states {
			if o.visited[s] {
				return true
			}
		}
		return false
	}
	switch {
	case answer.Err == nil:
		w.answered["ok"]++
		o.mayHold = o.mayHold || a.call == reservation.Try
		switch a.call {
		case reservation.Try:
			w.check(is(reservation.Reserved, reservation.Confirmed, reservation.Fulfilled), "%s was answered OK and is not in the books", name)
		case reservation.Confirm, reservation.ConfirmAny:
			w.check(is(reservation.Confirmed, reservation.Fulfilled), "%s was answered OK and was never confirmed", name)
		case reservation.Cancel:
			w.check(is(reservation.Canceled, reservation.Returned), "%s was answered OK and was never canceled", name)
		case reservation.Fulfill:
			w.check(is(reservation.Fulfilled), "%s was answered OK and was never fulfilled", name)
		case reservation.Return:
			w.check(is(reservation.Returned), "%s was answered OK and was never returned", name)
		}
	case errors.As(answer.Err, &refusal):
		w.answered[refusal.Reason.String()]++
		switch refusal.Reason {
		case reservation.InsufficientStock:
			w.check(a.call == reservation.Try && seen.short, "%s was refused for stock that was there all the time: %v", name, refusal)
			w.check(!seen.known, "%s repeats a known id and was refused for stock", name)
		case reservation.NotFound:
			w.check(!seen.known, "%s was not found and was there", name)
		case reservation.WasReleased:
			w.check(len(refusal.Shortages) == 0 || is(reservation.Canceled), "%s did not fit any more and may be taken again", name)
			w.check(is(reservation.Canceled, reservation.Expired, reservation.Returned), "%s was answered RELEASED and was never released", name)
		case reservation.WasCanceled:
			w.check(is(reservation.Canceled), "%s was answered CANCELED and was never canceled", name)
		case reservation.AlreadyConfirmed:
			w.check(is(reservation.Confirmed, reservation.Fulfilled), "%s was answered ALREADY_CONFIRMED and was never confirmed", name)
		case reservation.UnknownSKU, reservation.Invalid:
			w.check(false, "%s: %v", name, refusal)
		}
	default:
		o.mayHold = o.mayHold || a.call == reservation.Try
		w.answered[cause(answer.Err)]++
	}
}

func cause(err error) string {
	switch {
	case errors.Is(err, reservation.ErrUnavailable):
		return "UNAVAILABLE"
	case errors.Is(err, reservation.ErrInDoubt):
		return "IN_DOUBT"
	default:
		return err.Error()
	}
}
