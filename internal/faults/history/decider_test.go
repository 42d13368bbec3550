//go:build faults

package history

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// decider answers check-backs as the plan says and notes when it did so first.
type decider struct {
	run   string
	start time.Time
	plan  plan

	mu    sync.Mutex
	given map[Key]Word
}

func (d *decider) answer(_ context.Context, question *stockholdv1.Question) *stockholdv1.Decision {
	var key Key
	if _, err := fmt.Sscanf(question.GetReservationId(), d.run+"-%d-%d", &key.Shelf, &key.Hold); err != nil {
		return nil // an earlier run's: unknown
	}
	verdict := d.plan.verdict(key)
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.given[key]; !known {
		d.given[key] = Word{Verdict: verdict, Given: time.Since(d.start)}
	}
	return &stockholdv1.Decision{Verdict: verdict, RetryAfter: durationpb.New(time.Second)}
}

func (d *decider) words() (all []KeyedWord) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, word := range d.given {
		all = append(all, KeyedWord{key, word})
	}
	return all
}
