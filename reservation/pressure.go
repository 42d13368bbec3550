package reservation

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"stockhold/inventory"
)

// pressure says how long those are made to wait who can: calls that the gate
// would stop, in a storm of calls for the same stock row.
//
// When more callers ask for what is sold out than there is processor for, every
// one of them stands in the same line as those who want something else, and that
// line is the runtime's: nobody can be let past. So they wait where waiting costs
// nothing, on a timer, before they are looked up; callers that repeat as soon as
// they are answered, whatever they are told, repeat less often then. The wait
// grows while the process is late with its work, and goes when it is not: what the
// processor can carry is answered either way. Calls for rows that few ask for do
// not wait, however many such rows there are.
type pressure struct {
	late  func() time.Duration // how late the process is with its work
	delay atomic.Int64         // how long stopped calls wait at the moment, in nanoseconds

	mu      sync.Mutex
	since   time.Time             // when the counting in stopped began
	stopped map[inventory.Key]int // calls by the row they were stopped for
	before  map[inventory.Key]int // the same, of the second before
}

const (
	pressureEvery = 10 * time.Millisecond  // between two looks
	pressureLate  = 150 * time.Microsecond // more than this is late
	pressureMost  = time.Second            // the longest wait
	pressureStep  = time.Millisecond
	pressureGrid  = 10 * time.Millisecond // waits end together, so that one read serves many

	stormRate = 100   // calls stopped for one row in a second that make a storm
	stormRows = 10000 // rows counted in a second: beyond them there is no one storm
)

// run looks until ctx ends.
func (p *pressure) run(ctx context.Context) {
	tick := time.NewTicker(pressureEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.delay.Store(int64(nextDelay(time.Duration(p.delay.Load()), p.late())))
		case <-ctx.Done():
			return
		}
	}
}

// nextDelay grows by a thirty-second while the process is late, and shrinks by a
// 256th while it is not: those who wait are to come back one by one.
func nextDelay(delay, late time.Duration) time.Duration {
	if late > pressureLate {
		return min(delay+delay/32+pressureStep, pressureMost)
	}
	return max(delay-delay/256-pressureStep/20, 0)
}

// storm counts a call that was stopped for some of its lines, and says whether one
// of their rows has a storm.
func (p *pressure) storm(lines []Line, stopped []int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if passed := now.Sub(p.since); passed >= time.Second {
		p.before = p.stopped
		if passed >= 2*time.Second {
			p.before = nil // that is too long ago to tell
		}
		p.stopped, p.since = make(map[inventory.Key]int, len(p.before)), now
	}
	storm := false
	for _, i := range stopped {
		row := lines[i].Key
		if _, counted := p.stopped[row]; counted || len(p.stopped) < stormRows {
			p.stopped[row]++
		}
		storm = storm || max(p.stopped[row], p.before[row]) > stormRate
	}
	return storm
}

// wait holds a stopped call up, by half to one and a half times the delay so that
// they do not come back together, and for no more than half of the time that
// its caller gives it.
func (p *pressure) wait(ctx context.Context) {
	delay := time.Duration(p.delay.Load())
	if delay > 0 {
		delay = delay/2 + rand.N(delay+1)
		delay += pressureGrid - time.Duration(time.Now().UnixNano())%pressureGrid
	}
	if deadline, ok := ctx.Deadline(); ok {
		delay = min(delay, time.Until(deadline)/2)
	}
	if delay <= 0 {
		return
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
