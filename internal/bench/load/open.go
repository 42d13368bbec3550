package load

import (
	"context"
	"sync"
	"time"
)

// Schedule is when calls are due: one every 1/rate seconds, fixed before the
// first is made.
type Schedule struct {
	rate    float64
	warm    int64 // calls of the warm-up
	through int64 // all calls
}

// NewSchedule plans calls at a rate per second.
func NewSchedule(rate float64, w Window) Schedule {
	warm := int64(rate * w.Warm.Seconds())
	return Schedule{rate: rate, warm: warm, through: warm + max(1, int64(rate*w.Measure.Seconds()))}
}

// At is when a call is due, counted from the start.
func (s Schedule) At(call int64) time.Duration {
	return time.Duration(float64(call) / s.rate * float64(time.Second))
}

// Open makes calls when they are due, whatever became of the ones before. A call
// that is due while all callers wait for answers is made late, and its latency
// counts from when it was due, not from when it was made: a service that stalls
// is charged for every call that came meanwhile (no coordinated omission).
func Open(ctx context.Context, callers []Caller, rate float64, w Window) Result {
	schedule := NewSchedule(rate, w)
	recorder := newRecorder()
	start := time.Now()
	due := make(chan int64, schedule.through)
	var calling sync.WaitGroup
	calling.Go(func() { schedule.issue(ctx, start, due) })
	var opened sync.Once
	for _, call := range callers {
		calling.Go(func() {
			for i := range due {
				counts := i >= schedule.warm
				if counts {
					opened.Do(w.open)
				}
				outcome := call(ctx)
				recorder.record(outcome, time.Since(start.Add(schedule.At(i))), counts)
			}
		})
	}
	calling.Wait()
	w.close()
	return recorder.result(time.Since(start) - schedule.At(schedule.warm))
}

// issue names the calls as they become due, and closes due after the last one. One
// goroutine sleeps for all: a timer for each call would cost the machine that is
// measured more than the call's own sending does.
func (s Schedule) issue(ctx context.Context, start time.Time, due chan<- int64) {
	defer close(due)
	for i := range s.through {
		pause(ctx, time.Until(start.Add(s.At(i))))
		if ctx.Err() != nil {
			return
		}
		due <- i
	}
}
