package inventory

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	flightsAtOnce = 4    // round trips under way at one time
	flightSize    = 4000 // lines in one round trip, unless a single call has more
)

// convoy carries the calls of many goroutines to Redis in few round trips. A call
// that finds a flight free leaves at once; while all are under way, calls gather
// and leave together. So a lone caller waits for nobody, and under load the cost
// of a round trip is shared.
//
// A caller's deadline ends its wait, also in the queue; calls that nobody waits
// for any more are left behind.
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
	size int // lines
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
		if len(loads) > 0 && size+l.size > flightSize {
			break
		}
		taken++
		if l.ctx.Err() == nil {
			loads = append(loads, l)
			size += l.size
		}
	}
	c.queue = c.queue[taken:]
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
	_, _ = pipe.Exec(ctx) // returns the first of the commands' errors
	for _, l := range loads {
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
