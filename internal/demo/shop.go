package demo

import (
	"context"
	"fmt"
	"sync"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/orders"
)

// shop is the order service.
type shop struct {
	opts  Options
	run   string // its name as an owner, and of its only location
	books *books
	wire  *wire
	slots chan struct{} // one for each worker

	mu        sync.Mutex
	outcomes  map[outcome]int64
	holds     int64 // orders whose Try was answered OK
	trade     trade
	surprises []string // answers that should not be, the first ones
	surprised int64
}

// order is a sale on its way.
type order struct {
	orders.Event
	fate    fate
	courier courier
	taken   bool // back, by a cancellation of the whole: it will not be shipped
	// done is closed when the order is over, as far as the shop is concerned.
	// acknowledged may be read after that: the Confirm was answered.
	done         chan struct{}
	acknowledged bool
}

// outcome is how an order ends, as far as the shop knows.
type outcome uint8

const (
	sold      outcome = iota + 1 // paid: the goods are the customer's
	unpaid                       // payment failed
	left                         // the customer went away before the Try was answered
	givenUp                      // the answer to the Try was lost, and the shop did not ask again
	short                        // refused: not enough stock
	stale                        // refused: the Try was on the way for too long
	expired                      // the hold ended before the payment was through, and the money went back
	malformed                    // refused: beyond stockhold's limits
)

// trade counts what is no order.
type trade struct {
	restocked, writtenOff, writeOffsRefused int64 // lines
	ordersTakenBack, nothingToTakeBack      int64
}

func newShop(opts Options, run string, books *books, wire *wire) *shop {
	return &shop{opts: opts, run: run, books: books, wire: wire,
		slots: make(chan struct{}, opts.Workers), outcomes: map[outcome]int64{}}
}

func (s *shop) newOrder(event orders.Event) *order {
	return &order{Event: event, fate: s.opts.fateOf(event.Invoice), courier: courier{wire: s.wire}, done: make(chan struct{})}
}

// sell takes an order from its first message to its last.
func (s *shop) sell(ctx context.Context, o *order) error {
	defer close(o.done)
	return s.work(ctx, func() error {
		s.books.open(o.Invoice, o.Lines)
		how, err := s.serve(ctx, o)
		if err != nil {
			return err
		}
		s.count(func() { s.outcomes[how]++ })
		return o.courier.finish(ctx)
	})
}

// work waits for a worker, and has it do something.
func (s *shop) work(ctx context.Context, do func() error) error {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.slots }()
	return do()
}

// away lets the worker serve others while an order waits for something.
func (s *shop) away(ctx context.Context, wait func() error) error {
	<-s.slots
	err := wait()
	s.slots <- struct{}{} // others give theirs back however things go
	if err == nil {
		err = ctx.Err()
	}
	return err
}

func (s *shop) count(what func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what()
}

// maxShown is how many surprises and differences are told one by one.
const maxShown = 20

// surprise notes an answer that no story has: either side is wrong.
func (s *shop) surprise(o *order, call string, a answer) {
	s.count(func() {
		s.surprised++
		if len(s.surprises) < maxShown {
			s.surprises = append(s.surprises, fmt.Sprintf("order %s: %s was %s", o.Invoice, call, a))
		}
	})
}

// isRefused reports the one refusal that a story expects.
func (a answer) isRefused(reason stockholdv1.Reason) bool {
	return a.kind == refused && a.reason == reason
}
