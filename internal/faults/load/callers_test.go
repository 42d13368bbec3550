//go:build faults

package load

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
)

// deadline is what callers give a call.
const deadline = 2 * time.Second

// figures are what callers saw in a while.
type figures struct {
	took       time.Duration
	offered    int
	held       int
	soldOut    int
	overloaded int
	untimely   int           // OVERLOADED without a time to come back
	late       int           // no answer within the deadline
	other      int           // anything else
	example    error         // of these
	p50, p99   time.Duration // of what was held or sold out
	slowest    time.Duration // to be turned away
	stalled    float64       // share of the time in which callers had no processor to call with
}

func (f figures) answered() int { return f.held + f.soldOut }

// rate is answers a second.
func (f figures) rate() float64 { return float64(f.answered()) / f.took.Seconds() }

func (f figures) String() string {
	return fmt.Sprintf("%d offered in %s: %d held, %d sold out (%.0f/s, p50 %s, p99 %s), %d overloaded (slowest %s), %d late, %d other (%v); callers stalled for %.0f%%",
		f.offered, f.took.Round(time.Millisecond), f.held, f.soldOut, f.rate(), f.p50.Round(100*time.Microsecond), f.p99.Round(100*time.Microsecond),
		f.overloaded, f.slowest.Round(time.Millisecond), f.late, f.other, f.example, 100*f.stalled)
}

// callers make Trys for one unit of some skus. No two have the same id.
type callers struct {
	clients []*faults.Client // a connection each
	skus    func(n int64) string
	next    *atomic.Int64

	mu    sync.Mutex
	seen  figures
	times []time.Duration
}

func (c *callers) call(ctx context.Context) {
	n := c.next.Add(1)
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	_, err := c.clients[n%int64(len(c.clients))].Try(ctx, &stockholdv1.TryRequest{ReservationId: fmt.Sprintf("load-%d", n), Ttl: durationpb.New(time.Hour),
		Lines: []*stockholdv1.Line{{Sku: c.skus(n), Quantity: 1}}})
	took := time.Since(began)
	c.mu.Lock()
	defer c.mu.Unlock()
	refusal := faults.Refusal(err)
	switch {
	case err == nil:
		c.seen.held++
		c.times = append(c.times, took)
	case refusal.GetReason() == stockholdv1.Reason_REASON_INSUFFICIENT_STOCK:
		c.seen.soldOut++
		c.times = append(c.times, took)
	case refusal.GetReason() == stockholdv1.Reason_REASON_OVERLOADED:
		c.seen.overloaded++
		c.seen.slowest = max(c.seen.slowest, took)
		if refusal.GetRetryAfter().AsDuration() <= 0 {
			c.seen.untimely++
		}
	case connect.CodeOf(err) == connect.CodeDeadlineExceeded:
		c.seen.late++
	default:
		c.seen.other++
		c.seen.example = err
	}
}

// closed has so many callers call again as soon as they were answered.
func (c *callers) closed(ctx context.Context, parallel int, length time.Duration) figures {
	began := time.Now()
	var group sync.WaitGroup
	for range parallel {
		group.Go(func() {
			for time.Since(began) < length && ctx.Err() == nil {
				c.call(ctx)
			}
		})
	}
	group.Wait()
	return c.figures(time.Since(began))
}

// stall is how late a caller may be before somebody else has its processor.
const stall = 20 * time.Millisecond

// open calls at a steady rate, whoever was answered.
func (c *callers) open(ctx context.Context, rate float64, length time.Duration) figures {
	began := time.Now()
	var group sync.WaitGroup
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	var stalled time.Duration
	for sent, last := 0, began; time.Since(began) < length && ctx.Err() == nil; <-tick.C {
		if late := time.Since(last); late > stall {
			stalled += late
		}
		last = time.Now()
		for due := int(rate * time.Since(began).Seconds()); sent < due; sent++ {
			group.Go(func() { c.call(ctx) })
		}
	}
	took := time.Since(began)
	group.Wait()
	f := c.figures(took)
	f.stalled = stalled.Seconds() / took.Seconds()
	return f
}

// figures are what was seen since the last time.
func (c *callers) figures(took time.Duration) figures {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.seen
	f.took = took
	f.offered = f.held + f.soldOut + f.overloaded + f.late + f.other
	if len(c.times) > 0 {
		slices.Sort(c.times)
		f.p50, f.p99 = c.times[len(c.times)/2], c.times[len(c.times)*99/100]
	}
	c.seen, c.times = figures{}, nil
	return f
}
