package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// order is what the shop knows of one of its orders.
type order struct {
	id     string
	lines  []*stockholdv1.Line
	scarce bool // some line may be sold out

	mu    sync.Mutex
	word  word
	held  bool              // a Try was answered OK
	asked stockholdv1.State // what was asked after the Confirm, if anything
	sure  bool              // and answered OK
}

// word is what the shop decided. It is given once and never taken back.
type word uint8

const (
	undecided word = iota
	commit
	abort
)

// open draws an order and enters it in the books.
func (s *Shop) open(random *rand.Rand, worker, n int) *order {
	o := &order{id: fmt.Sprintf("%s-%d-%d", s.opts.Name, worker, n)}
	for range 1 + random.IntN(3) {
		line := &stockholdv1.Line{Quantity: int32(1 + random.IntN(3))}
		if i := random.IntN(s.opts.Ample + s.opts.Scarce); i < s.opts.Ample {
			line.Sku = s.ample(i)
		} else {
			line.Sku, o.scarce = s.scarce(i-s.opts.Ample), true
		}
		o.lines = append(o.lines, line)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.orders[o.id] = o
	return o
}

func (o *order) reference() string { return "ref-" + o.id }

func (o *order) decide(w word) { o.note(func() { o.word = w }) }

func (o *order) note(change func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change()
}

func (o *order) decision() word {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.word
}

// Answer answers check-backs from the books: it is what a [Desk] asks.
func (s *Shop) Answer(_ context.Context, question *stockholdv1.Question) *stockholdv1.Decision {
	s.mu.Lock()
	o := s.orders[question.GetReservationId()]
	s.mu.Unlock()
	if o == nil {
		return &stockholdv1.Decision{Verdict: stockholdv1.Verdict_VERDICT_UNKNOWN}
	}
	if question.GetReference() != o.reference() {
		s.Tally.broken("%s was asked about with reference %q", o.id, question.GetReference())
	}
	switch o.decision() {
	case commit:
		return &stockholdv1.Decision{Verdict: stockholdv1.Verdict_VERDICT_COMMIT}
	case abort:
		return &stockholdv1.Decision{Verdict: stockholdv1.Verdict_VERDICT_ABORT}
	default:
		return &stockholdv1.Decision{Verdict: stockholdv1.Verdict_VERDICT_PENDING, RetryAfter: durationpb.New(time.Second)}
	}
}
