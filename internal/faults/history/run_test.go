//go:build faults

package history

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"stockhold/internal/faults"
)

// race is one run: clients that race on servers, and what they recorded.
type race struct {
	plan    plan
	clients []*client
	decider *decider
	start   time.Time
}

// pause is the longest between two calls of a client.
const pause = 50 * time.Millisecond

func newRace(run string, plan plan, clients int, servers []*faults.Client) *race {
	r := &race{plan: plan, start: time.Now()}
	r.decider = &decider{run: run, start: r.start, plan: plan, given: map[Key]Word{}}
	for i := range clients {
		r.clients = append(r.clients, &client{number: i, run: run, start: r.start, servers: servers,
			random: rand.New(rand.NewPCG(plan.seed, uint64(i)))})
	}
	return r
}

// each lets all clients do something at once.
func (r *race) each(do func(*client)) {
	var group sync.WaitGroup
	for _, c := range r.clients {
		group.Go(func() { do(c) })
	}
	group.Wait()
}

// open puts stock on all shelves.
func (r *race) open(ctx context.Context) {
	r.each(func(c *client) {
		for shelf := c.number; shelf < r.plan.shelves; shelf += len(r.clients) {
			c.insist(ctx, r.plan.opening(shelf))
		}
	})
}

// look reads everything there is, as the end of the history.
func (r *race) look(ctx context.Context) error {
	var mu sync.Mutex
	var failed error
	r.each(func(c *client) {
		for shelf := c.number; shelf < r.plan.shelves; shelf += len(r.clients) {
			for i := range Holds {
				if !c.insist(ctx, Call{Kind: Read, Shelf: shelf, Hold: i}) {
					mu.Lock()
					failed = fmt.Errorf("reservation %d of shelf %d cannot be read after the faults", i, shelf)
					mu.Unlock()
				}
			}
			for i := range SKUs {
				if !c.insist(ctx, Call{Kind: ReadStock, Shelf: shelf, SKU: i}) {
					mu.Lock()
					failed = fmt.Errorf("sku %d of shelf %d cannot be read after the faults", i, shelf)
					mu.Unlock()
				}
			}
		}
	})
	return failed
}

// defects are the answers that no fault excuses: INTERNAL.
func (r *race) defects() (all []error) {
	for _, c := range r.clients {
		all = append(all, c.defects...)
	}
	return all
}

// history is what was recorded. Open calls end with it.
func (r *race) history() History {
	h := History{Run: r.decider.run, Words: r.decider.words()}
	end := time.Since(r.start)
	for _, c := range r.clients {
		for _, op := range c.recorded {
			if op.Answer.Open {
				op.Returned = end
			}
			h.Operations = append(h.Operations, op)
		}
	}
	return h
}
