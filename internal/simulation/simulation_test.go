package simulation

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
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
	answered, happened := map[string]int{}, map[string]int{}
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
				for k, n := range outcome.Happened {
					happened[k] += n
				}
				mu.Unlock()
			}
		})
	}
	t.Cleanup(func() {
		t.Logf("%d schedules, %d steps, answers %v, and %v", *seeds, steps.Load(), answered, happened)
	})
}

// What schedules are there for does happen in them: a draw that never comes would
// otherwise look like one that never fails.
func TestSchedulesPlayEverything(t *testing.T) {
	missing := []string{
		"batch calls", "purged", "two committers at once",
		"a step (unsent)", "a step (no reply)", "a step (twice)", "a step (late)",
		"a process died", "the ledger is away", "transactions are broken", "a stranger locks a row", "a hold cannot be written", "a lock is waited for in vain",
		"the gate is away", "the gate is wiped", "the gate is reverted", "a row of the gate vanishes", "pending holds vanish", "units freed while others were pending",
		"OVERLOADED", "TOO_LATE", "IN_DOUBT", "UNAVAILABLE", "INSUFFICIENT_STOCK", "RELEASED", "ok",
	}
	for seed := uint64(1); len(missing) > 0 && seed <= 2000; seed++ {
		outcome := play(t, seed, func(string, ...any) {})
		missing = slices.DeleteFunc(missing, func(what string) bool { return outcome.Answered[what]+outcome.Happened[what] > 0 })
	}
	if len(missing) > 0 {
		t.Errorf("none of many schedules has %q", missing)
	}
}

// A seed plays the same schedule, step by step, whenever it is played.
func TestASeedPlaysTheSameScheduleAgain(t *testing.T) {
	record := func(seed uint64) (trace []string) {
		play(t, seed, func(format string, args ...any) { trace = append(trace, fmt.Sprintf(format, args...)) })
		return trace
	}
	for seed := range uint64(60) {
		once, again := record(seed+1), record(seed+1)
		for i := range min(len(once), len(again)) {
			if once[i] != again[i] {
				t.Fatalf("seed %d: step %d was\n%s\nand is\n%s", seed+1, i, once[i], again[i])
			}
		}
		if len(once) != len(again) {
			t.Fatalf("seed %d: %d steps, and again %d", seed+1, len(once), len(again))
		}
	}
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
