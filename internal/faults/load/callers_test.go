//go:build faults

package load

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// deadline is what callers give a call.
const deadline = 2 * time.Second

// figures are what callers saw in a while.
type figures struct {
	window     time.Duration // in which calls were made
	offered    int
	within     int // held or sold out before it was over
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
	full       float64       // share of the time in which the connection whose turn it was took no call, or there was no processor to call with
}

// rate is answers a second. Those that came when nobody called any more do not count.
func (f figures) rate() float64 { return float64(f.within) / f.window.Seconds() }

// normal reports whether everybody was answered, and about as soon as usual.
func (f figures) normal(usual figures) bool {
	return f.overloaded+f.late+f.other == 0 && f.p99 <= max(asUsual*usual.p99, shortly)
}

func (f figures) String() string {
	return fmt.Sprintf("%d offered in %s: %d held, %d sold out (%.0f/s, p50 %s, p99 %s), %d overloaded (slowest %s), %d late, %d other (%v); callers stalled for %.0f%%, connections full for %.0f%%",
		f.offered, f.window.Round(time.Millisecond), f.held, f.soldOut, f.rate(), f.p50.Round(100*time.Microsecond), f.p99.Round(100*time.Microsecond),
		f.overloaded, f.slowest.Round(time.Millisecond), f.late, f.other, f.example, 100*f.stalled, 100*f.full)
}

// callers make Trys for one unit of some skus. No two have the same id.
type callers struct {
	wires []*wire
	skus  func(n int64) string
	next  *atomic.Int64
	open  sync.WaitGroup // calls without an answer

	mu    sync.Mutex
	over  time.Time // when the window is
	seen  figures
	times []time.Duration
}

// begin opens the window.
func (c *callers) begin(length time.Duration) (began time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	began = time.Now()
	c.over = began.Add(length)
	return began
}

// call makes one call that was due at a time, and then does something else.
func (c *callers) call(due time.Time, then func()) {
	n := c.next.Add(1)
	request, err := proto.Marshal(&stockholdv1.TryRequest{ReservationId: fmt.Sprintf("load-%d", n), Ttl: durationpb.New(time.Hour),
		Lines: []*stockholdv1.Line{{Sku: c.skus(n), Quantity: 1}}})
	if err != nil {
		panic(err) // these fields can be written
	}
	c.open.Add(1)
	c.wires[n%int64(len(c.wires))].call(request, due, func(r *reply) {
		defer c.open.Done()
		c.note(r)
		then()
	})
}

func (c *callers) note(r *reply) {
	code, refusal, err := r.outcome()
	c.mu.Lock()
	defer c.mu.Unlock()
	answered := func(counter *int) {
		*counter++
		c.times = append(c.times, r.took)
		if r.began.Add(r.took).Before(c.over) {
			c.seen.within++
		}
	}
	switch {
	case r.took > deadline || code == connect.CodeDeadlineExceeded.String():
		c.seen.late++
	case err == nil:
		answered(&c.seen.held)
	case refusal.GetReason() == stockholdv1.Reason_REASON_INSUFFICIENT_STOCK:
		answered(&c.seen.soldOut)
	case refusal.GetReason() == stockholdv1.Reason_REASON_OVERLOADED:
		c.seen.overloaded++
		c.seen.slowest = max(c.seen.slowest, r.took)
		if refusal.GetRetryAfter().AsDuration() <= 0 {
			c.seen.untimely++
		}
	default:
		c.seen.other++
		c.seen.example = err
	}
}

// closed has so many callers call again as soon as they were answered.
func (c *callers) closed(parallel int, length time.Duration) figures {
	began := c.begin(length)
	defer c.impatient(length)()
	var again func()
	again = func() {
		if time.Since(began) < length {
			c.call(time.Now(), again)
		}
	}
	for range parallel {
		again()
	}
	c.open.Wait()
	return c.figures(length)
}

// stall is how late a caller may be before somebody else has its processor.
const stall = 20 * time.Millisecond

// steady calls at a rate, whoever was answered, as long as the connections carry more
// calls; when they do not, it makes up for that as soon as they do.
func (c *callers) steady(rate float64, length time.Duration) figures {
	began := c.begin(length)
	defer c.impatient(length)()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	var stalled, full time.Duration
	sent := 0
	for idle := began; time.Since(began) < length; <-tick.C {
		now := time.Now()
		if late := now.Sub(idle); late > stall {
			stalled += late
		}
		for due := int(rate * now.Sub(began).Seconds()); sent < due && time.Since(began) < length; sent++ {
			c.call(began.Add(time.Duration(float64(sent)/rate*float64(time.Second))), func() {})
		}
		idle = time.Now()
		if busy := idle.Sub(now); busy > stall {
			full += busy
		}
	}
	c.open.Wait()
	f := c.figures(length)
	f.stalled, f.full = stalled.Seconds()/length.Seconds(), full.Seconds()/length.Seconds()
	return f
}

// patience is how long an answer may fail to come. The server has far less.
const patience = time.Minute

// impatient breaks the connections, and so ends all calls, if they are not answered
// long after the window. The caller stops that.
func (c *callers) impatient(length time.Duration) (stop func() bool) {
	return time.AfterFunc(length+patience, func() {
		for _, wire := range c.wires {
			wire.conn.Close()
		}
	}).Stop
}

// figures are what was seen since the last time.
func (c *callers) figures(window time.Duration) figures {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.seen
	f.window = window
	f.offered = f.held + f.soldOut + f.overloaded + f.late + f.other
	if len(c.times) > 0 {
		slices.Sort(c.times)
		f.p50, f.p99 = c.times[len(c.times)/2], c.times[len(c.times)*99/100]
	}
	c.seen, c.times = figures{}, nil
	return f
}
