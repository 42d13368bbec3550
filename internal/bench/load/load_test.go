package load

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// takes makes a caller whose calls take so long.
func takes(d time.Duration) Caller {
	return func(context.Context) Outcome {
		time.Sleep(d)
		return Outcome{Accepted: 1}
	}
}

func repeat(n int, caller Caller) []Caller {
	callers := make([]Caller, n)
	for i := range callers {
		callers[i] = caller
	}
	return callers
}

func TestClosedCountsWhatIsAnsweredInTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened, closed := 0, 0
		got := Closed(t.Context(), repeat(4, takes(15*time.Millisecond)), Window{
			Warm: 100 * time.Millisecond, Measure: time.Second,
			Opens: func() { opened++ }, Closes: func() { closed++ },
		})
		require.Equal(t, time.Second, got.Elapsed)
		// 15, 30, ... 1095 ms are answered before 1100 ms; 90 ms and before are the warm-up's.
		require.EqualValues(t, 4*(73-6), got.Measured.Accepted)
		require.EqualValues(t, 4*74, got.All.Accepted, "the last calls are awaited")
		require.InDelta(t, 15, got.Latency.P50, 0.02)
		require.Equal(t, []int{1, 1}, []int{opened, closed})
	})
}

func TestScheduleIsFixed(t *testing.T) {
	s := NewSchedule(400, Window{Warm: time.Second, Measure: 2 * time.Second})
	require.EqualValues(t, 400, s.warm)
	require.EqualValues(t, 1200, s.through)
	require.Equal(t, time.Duration(0), s.At(0))
	require.Equal(t, 2500*time.Microsecond, s.At(1))
	require.Equal(t, time.Second, s.At(400))
}

func TestOpenKeepsItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := Open(t.Context(), repeat(8, takes(10*time.Millisecond)), 100, Window{Warm: time.Second, Measure: 3 * time.Second})
		require.EqualValues(t, 300, got.Measured.Calls)
		require.EqualValues(t, 400, got.All.Calls)
		require.InDelta(t, 10, got.Latency.P999, 0.02)
	})
}

// One stall of a second, with a call due every 10 ms: the calls that were due
// meanwhile waited, and a closed loop would not know.
func TestOpenChargesAStallToEveryCallThatWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stalled := false
		caller := func(context.Context) Outcome {
			if !stalled {
				stalled = true
				time.Sleep(time.Second)
			}
			return Outcome{Accepted: 1}
		}
		got := Open(t.Context(), []Caller{caller}, 100, Window{Measure: 4 * time.Second})
		require.EqualValues(t, 400, got.Measured.Calls)
		require.InDelta(t, 1000, got.Latency.Max, 1)
		require.InDelta(t, 960, got.Latency.P99, 2, "4 of 400 waited longer than 960 ms")
		require.InDelta(t, 0, got.Latency.P50, 0.01)
	})
}

func TestFailuresAreKeptApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("lost")
		calls := 0
		got := Open(t.Context(), []Caller{func(context.Context) Outcome {
			if calls++; calls == 3 {
				return Outcome{Err: failure}
			}
			return Outcome{Accepted: 2, Replayed: 1}
		}}, 10, Window{Measure: time.Second})
		require.Equal(t, Tally{Calls: 10, Accepted: 18, Replayed: 9, Failed: 1}, got.All)
		require.Equal(t, failure, got.Failure)
	})
}

func TestStopsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		Closed(ctx, repeat(2, takes(10*time.Millisecond)), Window{Measure: time.Hour})
		Open(ctx, repeat(2, takes(10*time.Millisecond)), 100, Window{Measure: time.Hour})
	})
}
