package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Window is how long a run lasts.
type Window struct {
	Warm    time.Duration // before anything counts
	Measure time.Duration
	Opens   func() // called when the measured part begins; nil: nothing
	Closes  func() // called when it ends, before the last calls have
}

func (w Window) open() {
	if w.Opens != nil {
		w.Opens()
	}
}

func (w Window) close() {
	if w.Closes != nil {
		w.Closes()
	}
}

// Closed lets every caller make its next call as soon as the last is answered.
// What is answered inside the measured part counts. No call is cut off at the
// end: Closed returns when all are answered, or their contexts say no.
func Closed(ctx context.Context, callers []Caller, w Window) Result {
	const warming, measuring, over = 0, 1, 2
	var phase atomic.Int32
	recorder := newRecorder()
	var calling sync.WaitGroup
	for _, call := range callers {
		calling.Go(func() {
			for phase.Load() != over && ctx.Err() == nil {
				began := time.Now()
				outcome := call(ctx)
				recorder.record(outcome, time.Since(began), phase.Load() == measuring)
			}
		})
	}
	pause(ctx, w.Warm)
	w.open()
	phase.Store(measuring)
	began := time.Now()
	pause(ctx, w.Measure)
	phase.Store(over)
	elapsed := time.Since(began)
	w.close()
	calling.Wait()
	return recorder.result(elapsed)
}

// pause waits, at most until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
