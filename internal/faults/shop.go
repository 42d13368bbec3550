package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// ShopOptions shape a shop. Zero fields take the defaults.
type ShopOptions struct {
	Name     string        // starts its orders' ids, so that several shops can share a site; default "order"
	Seed     uint64        // of everything that it draws
	Workers  int           // orders served at once; default 8
	Ample    int           // skus of which there is plenty: no order for them may ever be refused; default 4
	Scarce   int           // skus that sell out; default 4
	Units    int64         // of each scarce sku; default 100
	Pace     time.Duration // longest pause of a worker between two orders; default 5 ms
	TTL      time.Duration // of a hold, before the sweeper asks; default 1 s
	Attempt  time.Duration // time limit of one call; default 3 s
	Patience time.Duration // how long a call is repeated until it has an answer; default 15 s
	Lose     float64       // share of the Confirms and Cancels that are never sent; default 0.1, negative: none
	Twice    float64       // share of the calls that are sent twice at once; default 0.05, negative: none
}

func (o ShopOptions) withDefaults() ShopOptions {
	o.Name = orElse(o.Name, "order")
	o.Workers = orElse(o.Workers, 8)
	o.Ample = orElse(o.Ample, 4)
	o.Scarce = orElse(o.Scarce, 4)
	o.Units = orElse(o.Units, 100)
	o.Pace = orElse(o.Pace, 5*time.Millisecond)
	o.TTL = orElse(o.TTL, time.Second)
	o.Attempt = orElse(o.Attempt, 3*time.Second)
	o.Patience = orElse(o.Patience, 15*time.Second)
	o.Lose = max(orElse(o.Lose, 0.1), 0)
	o.Twice = max(orElse(o.Twice, 0.05), 0)
	return o
}

func orElse[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// ampleUnits of a sku are never sold out by a test.
const ampleUnits = 1_000_000_000

// Shop is an order service under load. It writes down what it decided before it
// says so, answers check-backs from that, and acts on nothing but answers.
type Shop struct {
	opts    ShopOptions
	Tally   *Tally
	clients atomic.Pointer[[]*Client]
	mu      sync.Mutex
	orders  map[string]*order
}

// NewShop makes a shop. Use must name servers before it calls any.
func NewShop(options ShopOptions) *Shop {
	return &Shop{opts: options.withDefaults(), Tally: newTally(), orders: map[string]*order{}}
}

// Use names the servers that orders go to from now on.
func (s *Shop) Use(clients ...*Client) { s.clients.Store(&clients) }

func (s *Shop) client(random *rand.Rand) *Client {
	clients := *s.clients.Load()
	return clients[random.IntN(len(clients))]
}

// Stock puts the shop's goods on the shelf.
func (s *Shop) Stock(ctx context.Context, client *Client) error {
	for i := range s.opts.Ample {
		if err := client.SetStock(ctx, s.ample(i), ampleUnits); err != nil {
			return err
		}
	}
	for i := range s.opts.Scarce {
		if err := client.SetStock(ctx, s.scarce(i), s.opts.Units); err != nil {
			return err
		}
	}
	return nil
}

func (s *Shop) ample(i int) string  { return fmt.Sprintf("%s-ample-%d", s.opts.Name, i) }
func (s *Shop) scarce(i int) string { return fmt.Sprintf("%s-scarce-%d", s.opts.Name, i) }

// Run sells until ctx ends. Orders that were begun are then brought to an end,
// so that nothing is left open but what the network lost: it returns after that.
func (s *Shop) Run(ctx context.Context) {
	var workers sync.WaitGroup
	for worker := range s.opts.Workers {
		workers.Go(func() {
			random := rand.New(rand.NewPCG(s.opts.Seed, uint64(worker)))
			for n := 0; ctx.Err() == nil; n++ {
				s.serve(context.WithoutCancel(ctx), s.open(random, worker, n), random)
				pause(ctx, time.Duration(random.Int64N(int64(s.opts.Pace))))
			}
		})
	}
	workers.Wait()
}

// Serve serves so many orders, and returns when all of them have come to their end.
func (s *Shop) Serve(ctx context.Context, orders int) {
	var left atomic.Int64
	left.Store(int64(orders))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var workers sync.WaitGroup
	for worker := range s.opts.Workers {
		workers.Go(func() {
			random := rand.New(rand.NewPCG(s.opts.Seed, uint64(worker)))
			for n := 0; ctx.Err() == nil && left.Add(-1) >= 0; n++ {
				s.serve(ctx, s.open(random, worker, n), random)
			}
		})
	}
	workers.Wait()
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// serve is the life of an order.
func (s *Shop) serve(ctx context.Context, o *order, random *rand.Rand) {
	tried := s.call(ctx, o, "Try", random, func(ctx context.Context, c *Client) (bool, error) {
		answer, err := c.Try(ctx, &stockholdv1.TryRequest{ReservationId: o.id, Owner: Owner, Lines: o.lines,
			Ttl: durationpb.New(s.opts.TTL), Reference: o.reference()})
		return answer.GetReplayed(), err
	})
	switch reason := Refusal(tried).GetReason(); {
	case tried == nil:
		o.note(func() { o.held = true })
	case reason == stockholdv1.Reason_REASON_INSUFFICIENT_STOCK && o.scarce:
		o.decide(abort)
		return
	case Final(tried):
		o.decide(abort)
		s.Tally.broken("%s: a Try for what there is plenty of was answered %v", o.id, tried)
		return
	default: // nobody knows; the shop gives the order up
		o.decide(abort)
		s.end(ctx, o, random)
		return
	}
	if random.Float64() < 0.8 {
		o.decide(commit)
	} else {
		o.decide(abort)
	}
	if random.Float64() < s.opts.Lose {
		s.Tally.lost.Add(1)
		return
	}
	if s.end(ctx, o, random) && o.decision() == commit {
		s.dispatch(ctx, o, random)
	}
}

// end tells stockhold what was decided, and whether it heard so.
func (s *Shop) end(ctx context.Context, o *order, random *rand.Rand) bool {
	name, send := "Cancel", func(ctx context.Context, c *Client) (bool, error) {
		answer, err := c.Cancel(ctx, &stockholdv1.CancelRequest{ReservationId: o.id, Owner: Owner, Reason: "given up"})
		return answer.GetReplayed(), err
	}
	if o.decision() == commit {
		name, send = "Confirm", func(ctx context.Context, c *Client) (bool, error) {
			answer, err := c.Confirm(ctx, &stockholdv1.ConfirmRequest{ReservationId: o.id, Owner: Owner})
			return answer.GetReplayed(), err
		}
	}
	err := s.call(ctx, o, name, random, send)
	if Final(err) {
		s.Tally.broken("%s: %s was answered %v", o.id, name, err)
	}
	return err == nil
}

// dispatch ships some orders and takes some back.
func (s *Shop) dispatch(ctx context.Context, o *order, random *rand.Rand) {
	name, send := "Fulfill", func(ctx context.Context, c *Client) (bool, error) {
		answer, err := c.Fulfill(ctx, &stockholdv1.FulfillRequest{ReservationId: o.id, Owner: Owner})
		return answer.GetReplayed(), err
	}
	next := stockholdv1.State_STATE_FULFILLED
	switch draw := random.Float64(); {
	case draw > 0.25:
		return
	case draw > 0.18:
		next = stockholdv1.State_STATE_RETURNED
		name, send = "Return", func(ctx context.Context, c *Client) (bool, error) {
			answer, err := c.Return(ctx, &stockholdv1.ReturnRequest{ReservationId: o.id, Owner: Owner})
			return answer.GetReplayed(), err
		}
	}
	o.note(func() { o.asked = next })
	err := s.call(ctx, o, name, random, send)
	o.note(func() { o.sure = err == nil })
	if Final(err) {
		s.Tally.broken("%s: %s was answered %v", o.id, name, err)
	}
}

// call repeats a call until it has a final answer or patience ends; then the
// error says only that nobody knows.
func (s *Shop) call(ctx context.Context, o *order, name string, random *rand.Rand, send func(context.Context, *Client) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	did := deed{shop: s, order: o, name: name}
	for {
		var second sync.WaitGroup
		if random.Float64() < s.opts.Twice {
			client := s.client(random)
			second.Go(func() { did.again(s.attempt(ctx, name, client, send)) })
		}
		replayed, err := s.attempt(ctx, name, s.client(random), send)
		second.Wait()
		did.answered(replayed, err)
		if err == nil || Final(err) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s of %s has no answer within %s: %w", name, o.id, s.opts.Patience, err)
		}
		pause(ctx, 10*time.Millisecond+time.Duration(random.Int64N(int64(90*time.Millisecond))))
	}
}

// deed is one call, however often it is sent.
type deed struct {
	shop  *Shop
	order *order
	name  string
	done  int // answers that say it was carried out just now, and is no replay
}

// answered notes an answer: whatever is sent how often, it is carried out once.
func (d *deed) answered(replayed bool, err error) {
	if err != nil || replayed {
		return
	}
	if d.done++; d.done > 1 {
		d.shop.Tally.broken("%s: %s was carried out %d times", d.order.id, d.name, d.done)
	}
}

// again notes the answer to a call that was sent a second time at once. It is the
// first one's, or a replay: nothing final but that there is too little, which
// may be so when the one arrives and not any more when the other does.
func (d *deed) again(replayed bool, err error) {
	d.answered(replayed, err)
	short := d.name == "Try" && d.order.scarce && Refusal(err).GetReason() == stockholdv1.Reason_REASON_INSUFFICIENT_STOCK
	if Final(err) && !short {
		d.shop.Tally.broken("%s: %s, sent twice, was answered %v", d.order.id, d.name, err)
	}
}

func (s *Shop) attempt(ctx context.Context, name string, client *Client, send func(context.Context, *Client) (bool, error)) (replayed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Attempt)
	defer cancel()
	began := time.Now()
	replayed, err = send(ctx, client)
	s.Tally.attempted(name, time.Since(began), replayed, err)
	if code := connect.CodeOf(err); err != nil && code == connect.CodeInternal && Refusal(err) != nil {
		s.Tally.broken("%s was answered INTERNAL: %v", name, err)
	}
	return replayed, err
}
