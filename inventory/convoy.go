package inventory

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// flightsAtOnce is how many round trips are under way at one time. Fewer make the
// calls between them wait longer; more carry less each.
const flightsAtOnce = 4

// convoy carries the calls of many goroutines to Redis in few round trips. A call
// that finds a flight free leaves at once; while all are under way, calls gather
// and leave together. So a lone caller waits for nobody, and under load the cost
// of a round trip is shared.
//
// A caller's deadline ends its wait, in the queue too, and calls that nobody waits
// for any more are left behind: a freeze that arrives after its caller has settled
// it would hold units until the sweeper comes. go-redis's AutoPipeline, as fast at
// the same number of flights, sends those.
type convoy struct {
	client  redis.UniversalClient
	timeout time.Duration // of one flight

	mu      sync.Mutex
	queue   []*load
	flights int
	closed  bool
	landed  sync.WaitGroup
}

// load is what one caller sends: commands that travel together.
type load struct {
	ctx  context.Context
	cmds []*redis.Cmd
	size int // lines, about
	done chan struct{}
}

// send returns when every command has its reply, or with the context's error: the
// commands must not be looked at then, for they may be under way.
func (c *convoy) send(ctx context.Context, cmds []*redis.Cmd, size int) error {
	l := &load{ctx: ctx, cmds: cmds, size: size, done: make(chan struct{})}
	if err := c.enqueue(l); err != nil {
		return err
	}
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *convoy) enqueue(l *load) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return redis.ErrClosed
	}
	c.queue = append(c.queue, l)
	if c.flights < flightsAtOnce {
		c.flights++
		c.landed.Go(c.fly)
	}
	return nil
}

// fly makes round trips until nobody waits.
func (c *convoy) fly() {
	for loads := c.board(); len(loads) > 0; loads = c.board() {
		c.carry(loads)
	}
}

// board takes the next loads off the queue, or ends the flight if there is none.
func (c *convoy) board() []*load {
	c.mu.Lock()
	defer c.mu.Unlock()
	var loads []*load
	size, taken := 0, 0
	for _, l := range c.queue {
		if len(loads) > 0 && size+l.size > linesPerTrip {
			break
		}
		taken++
		if l.ctx.Err() == nil {
			loads = append(loads, l)
			size += l.size
		}
	}
	c.queue = slices.Delete(c.queue, 0, taken)
	if len(loads) == 0 {
		c.flights--
	}
	return loads
}

func (c *convoy) carry(loads []*load) {
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	pipe := c.client.Pipeline()
	for _, l := range loads {
		for _, cmd := range l.cmds {
			_ = pipe.Process(ctx, cmd) // only queues; Exec sends
		}
	}
	_, err := pipe.Exec(ctx)
	for _, l := range loads {
		for _, cmd := range l.cmds {
			// When a new connection is refused in words (a wrong password, say),
			// go-redis tells Exec alone. No script replies nothing.
			if err != nil && cmd.Err() == nil && cmd.Val() == nil {
				cmd.SetErr(err)
			}
		}
		close(l.done)
	}
}

// close waits for the flights under way, and refuses new loads.
func (c *convoy) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.landed.Wait()
}
