package simulation

import (
	"flag"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

var (
	seeds = flag.Int("seeds", 300, "schedules to play")
	first = flag.Uint64("first", 1, "the first seed")
	only  = flag.Uint64("seed", 0, "play this one schedule, and print it")
)

// TestSchedules plays many schedules. A failing one prints its seed:
//
//	go test ./internal/simulation -run TestSchedules -seed N
//
// plays exactly that one again, step by step.
func TestSchedules(t *testing.T) {
	if *only != 0 {
		play(t, *only, t.Logf)
		return
	}
	var next atomic.Uint64
	next.Store(*first)
	var steps atomic.Int64
	var mu sync.Mutex
	answered := map[string]int{}
	for worker := range runtime.GOMAXPROCS(0) {
		t.Run(fmt.Sprint(worker), func(t *testing.T) {
			t.Parallel()
			for {
				seed := next.Add(1) - 1
				if seed >= *first+uint64(*seeds) || t.Failed() {
					return
				}
				outcome := play(t, seed, func(string, ...any) {})
				steps.Add(int64(outcome.Steps))
				mu.Lock()
				for k, n := range outcome.Answered {
					answered[k] += n
				}
				mu.Unlock()
			}
		})
	}
	t.Cleanup(func() { t.Logf("%d schedules, %d steps, answers %v", *seeds, steps.Load(), answered) })
}

func play(t *testing.T, seed uint64, trace func(string, ...any)) (outcome Outcome) {
	synctest.Test(t, func(t *testing.T) {
		outcome = Run(seed, trace)
		if outcome.Err != nil {
			t.Errorf("seed %d: %v", seed, outcome.Err)
		}
	})
	return outcome
}
