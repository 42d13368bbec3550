package inventory

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"stockhold/internal/tracing"
)

// flightsAtOnce is how many round trips are under way at one time: while Redis
// works on one, the next is packed. More of them carry less each, and cost more.
const flightsAtOnce = 2

// convoy carries the holds of many goroutines to Redis in few round trips. Holds
// that find a flight free leave at once; while all are under way, they gather and
// leave together. So a lone caller waits for nobody, and under load all that a
// round trip costs is shared.
//
// A caller's context ends its wait, in the queue too, and holds that nobody waits
// for any more are left behind: a freeze that arrives after its caller has settled
// it would hold units until the sweeper comes.
//
// Nobody waits longer than two time-outs: less than one for a flight, since those
// who waited longer are turned away when the next one leaves, and one during it.
type convoy struct {
	flight  func([]*load) // makes one round trip and has every load land
	timeout time.Duration // of one flight

	mu      sync.Mutex
	queue   []*load
	flights int
	closed  bool
	landed  sync.WaitGroup
}

// load is what one caller sends: holds that travel together.
type load struct {
	holds   []Hold
	lines   int
	results []Freeze // one for each hold; whoever claims the load may write here
	err     error    // why there are no results
	since   time.Time
	claimed atomic.Bool
	done    chan struct{}
	mark    *tracing.Mark // the caller's place in its trace; nil where there is none
	flight  *tracing.Mark // of the round trip that carried it; the same
}

// claim decides, once, who has the last word: the flight that answers, or the
// caller that stops waiting.
func (l *load) claim() bool { return l.claimed.CompareAndSwap(false, true) }

// land hands the load back to its caller. The answer writes its results, or says
// why there are none; nobody needs it once the caller has left.
func (l *load) land(answer func() error) {
	if l.claim() {
		l.err = answer()
		close(l.done)
	}
}

// send returns when every hold has its result, or an error, classified, when none
// has. The holds must stay as they are even then, for a flight with them may be
// under way.
func (c *convoy) send(ctx context.Context, holds []Hold, results []Freeze) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", errCallerGone, err)
	}
	l := &load{holds: holds, results: results, since: time.Now(), done: make(chan struct{}), mark: tracing.MarkOf(ctx)}
	for _, hold := range holds {
		l.lines += len(hold.Lines)
	}
	if !c.enqueue(l) {
		return fmt.Errorf("%w: %w", ErrAway, redis.ErrClosed)
	}
	select {
	case <-l.done:
	case <-ctx.Done():
		if l.claim() {
			return fmt.Errorf("%w: %w", errCallerGone, ctx.Err())
		}
		<-l.done // it lands right now
	}
	if l.flight != nil {
		linkFlight(ctx, l.flight)
	}
	return l.err
}

func (c *convoy) enqueue(l *load) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.queue = append(c.queue, l)
	if c.flights < flightsAtOnce {
		c.flights++
		c.landed.Go(c.fly)
	}
	return true
}

// fly makes round trips until nobody waits.
func (c *convoy) fly() {
	for {
		loads, late := c.board()
		for _, l := range late {
			l.land(func() error { return fmt.Errorf("%w: no round trip left within %s", ErrAway, c.timeout) })
		}
		if len(loads) == 0 {
			return
		}
		c.flight(loads)
	}
}

// board takes the next loads off the queue, and those that are too late for any.
// It ends the flight if none is to be carried.
func (c *convoy) board() (loads, late []*load) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	lines, holds, taken := 0, 0, 0
	for _, l := range c.queue {
		if len(loads) > 0 && (lines+l.lines > linesPerTrip || holds+len(l.holds) > rowsPerTrip) {
			break
		}
		taken++
		switch {
		case l.claimed.Load(): // its caller has left
		case now.Sub(l.since) > c.timeout:
			late = append(late, l)
		default:
			loads = append(loads, l)
			lines += l.lines
			holds += len(l.holds)
		}
	}
	c.queue = slices.Delete(c.queue, 0, taken)
	if len(loads) == 0 {
		c.flights--
	}
	return loads, late
}

// close waits for the flights under way, and refuses new loads.
func (c *convoy) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.landed.Wait()
}
