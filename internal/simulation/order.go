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
	callTimeout = 8*time.Second + apart
	grace       = 12 * time.Second
	ttl         = 3 * time.Second
	tombstones  = 4 * time.Second // how long they are kept where anything is purged

	// apart keeps deadlines between the scheduler's steps, which are whole
	// microseconds: what ends in the same moment would end in either order.
	apart = 500 * time.Nanosecond
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

	notAfter time.Time // of all its Trys, by the database's clock; zero: whenever
}

// action is one thing an order service does: it waits, and calls one process,
// or two at once.
type action struct {
	call   reservation.Call
	other  bool // Try with other lines
	after  time.Duration
	within time.Duration // the caller's patience
	wait   bool          // for the answer, before the next action
	at     []int
	decide sweeper.Verdict
}

// plan draws what an order service does. Most of it is what one should do; the
// rest is what networks make of it.
func (w *world) plan(o *order) {
	r := w.random
	add := func(a action) {
		a.after = time.Duration(r.IntN(3000)) * time.Millisecond
		a.within = w.patience()
		a.wait = r.IntN(5) > 0
		a.at = w.whereTo()
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

// whereTo draws the process that is called, or two.
func (w *world) whereTo() []int {
	at := []int{w.random.IntN(w.size)}
	if w.random.IntN(4) == 0 {
		at = append(at, w.random.IntN(w.size))
	}
	return at
}

// patience draws how long a caller waits for an answer.
func (w *world) patience() time.Duration {
	if w.random.IntN(6) > 0 {
		return callTimeout
	}
	return time.Duration(20+w.random.IntN(2000))*time.Millisecond + apart
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
				named(w.ctx, name, func(ctx context.Context) { w.call(ctx, name, at, a.within, []item{{o, a}}) })
			})
		}
		if a.wait {
			calls.Wait()
		}
	}
	calls.Wait()
}

// item is one call about one order.
type item struct {
	order  *order
	action action
}

func (i item) lines() []inventory.Line {
	lines := i.order.lines
	if i.action.other {
		return []inventory.Line{{Key: lines[0].Key, Quantity: lines[0].Quantity + 1}}
	}
	return lines
}

// call sends items, which are all Trys or none, to one process and checks the
// answers against what was committed meanwhile.
func (w *world) call(ctx context.Context, name string, at int, within time.Duration, items []item) {
	w.scheduler.wait(name+" is sent", nil)
	p := w.processes[at]
	if p.dead.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	seen := make([]*watch, len(items))
	for i, item := range items {
		seen[i] = w.watch(item.order, item.lines())
		defer w.unwatch(seen[i])
	}
	answers := p.ask(ctx, items)
	f := w.scheduler.wait(name+" is answered", nil, unsent)
	if len(items) > 1 {
		w.happened["batch calls"]++
	}
	for i, item := range items {
		o, a := item.order, item.action
		if f == unsent || p.dead.Load() { // the answer is lost
			o.mayHold = o.mayHold || a.call == reservation.Try
			continue
		}
		w.checkAnswer(fmt.Sprintf("%s, %s of %s,", name, a.call, o.id), o, a, seen[i], answers[i])
	}
}

func (p *process) ask(ctx context.Context, items []item) []reservation.Answer {
	if items[0].action.call == reservation.Try {
		requests := make([]reservation.TryRequest, len(items))
		for i, item := range items {
			requests[i] = reservation.TryRequest{ID: item.order.id, Lines: item.lines(), TTL: ttl, NotAfter: item.order.notAfter}
		}
		return p.service.Try(ctx, requests)
	}
	requests := make([]reservation.Request, len(items))
	for i, item := range items {
		requests[i] = reservation.Request{ID: item.order.id, Call: item.action.call, TTL: ttl}
	}
	return p.service.Do(ctx, requests)
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
		case reservation.TooLate:
			w.check(a.call == reservation.Try && !o.notAfter.IsZero() && w.db.now().After(o.notAfter), "%s was not too late", name)
			w.check(!seen.known, "%s repeats a known id and was too late", name)
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
