package reservation

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// pressure says how long those are made to wait who can: calls that the gate
// would stop.
//
// When more callers ask for what is sold out than there is processor for, every
// one of them stands in the same line as those who want something else, and that
// line is the runtime's: nobody can be let past. So they wait where waiting costs
// nothing, on a timer, before they are looked up; callers that repeat as soon as
// they are answered, whatever they are told, repeat less often then. The wait
// grows while the process is late with its work, and goes when it is not: what the
// processor can carry is answered either way.
type pressure struct {
	late  func() time.Duration // how late the process is with its work
	delay atomic.Int64         // how long stopped calls wait at the moment, in nanoseconds
}

const (
	pressureEvery = 10 * time.Millisecond  // between two looks
	pressureLate  = 300 * time.Microsecond // more than this is late
	pressureMost  = time.Second            // the longest wait
	pressureStep  = time.Millisecond
	pressureGrid  = 10 * time.Millisecond // waits end together, so that one read serves many
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

// nextDelay grows by a quarter while the process is late, and shrinks by a
// hundredth while it is not: those who wait are to come back one by one.
func nextDelay(delay, late time.Duration) time.Duration {
	if late > pressureLate {
		return min(delay+delay/32+pressureStep, pressureMost)
	}
	return max(delay-delay/256-pressureStep/20, 0)
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
