//go:build faults

package crash

import (
	"context"
	"sync"

	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// order is what its owner knows of an order, and what must become of it.
type order struct {
	id       string
	quantity int32
	held     bool // a Try was answered OK

	want stockholdv1.State // UNSPECIFIED: it must not be there
	by   stockholdv1.ResolvedBy
}

// book is what the owner decided, written down before anybody is told.
type book struct {
	mu       sync.Mutex
	verdicts map[string]stockholdv1.Verdict
	closed   bool   // questions are not answered
	ambush   func() // happens to who asks next, once
}

func newBook() *book { return &book{verdicts: map[string]stockholdv1.Verdict{}} }

func (b *book) decide(o *order, verdict stockholdv1.Verdict) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.verdicts[o.id] = verdict
}

func (b *book) open(open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = !open
}

func (b *book) lieInWait(ambush func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ambush = ambush
}

// answer answers check-backs.
func (b *book) answer(_ context.Context, question *stockholdv1.Question) *stockholdv1.Decision {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ambush := b.ambush; ambush != nil {
		b.ambush = nil
		ambush()
		return nil
	}
	verdict, known := b.verdicts[question.GetReservationId()]
	switch {
	case b.closed:
		return nil
	case !known:
		return &stockholdv1.Decision{Verdict: stockholdv1.Verdict_VERDICT_PENDING, RetryAfter: durationpb.New(0)}
	default:
		return &stockholdv1.Decision{Verdict: verdict}
	}
}
