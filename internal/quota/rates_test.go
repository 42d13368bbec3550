package quota

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Of whatever comes at once a burst is let in, and the rest hears when to come back.
func TestRatesLetABurstIn(t *testing.T) {
	r := NewRates()
	limit := Rate{PerSecond: 0.001, Burst: 5}
	var in atomic.Int64
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			wait, ok := r.Take("shop-a", limit)
			if ok {
				in.Add(1)
				return
			}
			require.Positive(t, wait)
			require.LessOrEqual(t, wait, 2*time.Minute)
		})
	}
	callers.Wait()
	require.Equal(t, int64(5), in.Load())

	_, ok := r.Take("shop-b", limit)
	require.True(t, ok, "others have buckets of their own")
	for range 100 {
		_, ok = r.Take("shop-a", Rate{})
		require.True(t, ok, "no limit")
	}
	_, ok = r.Take("shop-a", Rate{PerSecond: 0.001, Burst: 7})
	require.False(t, ok, "a larger bucket is not full at once")
	require.Eventually(t, func() bool { _, ok := r.Take("shop-a", Rate{PerSecond: 1e9, Burst: 7}); return ok }, time.Minute, time.Millisecond)
}

func TestRateWithoutABurst(t *testing.T) {
	require.Equal(t, 1, Rate{PerSecond: 0.5}.burst())
	require.Equal(t, 100, Rate{PerSecond: 100}.burst())
	require.Equal(t, 7, Rate{PerSecond: 100, Burst: 7}.burst())
}

// Strangers may make up as many names as they like.
func TestNamesAreBounded(t *testing.T) {
	r := NewRates()
	for i := range 3 * mostNames {
		r.Take(fmt.Sprint("owner-", i), Rate{PerSecond: 1, Burst: 3})
	}
	require.LessOrEqual(t, len(r.byName), mostNames)
}

func TestSeats(t *testing.T) {
	s := NewSeats()
	require.True(t, s.Take("a", 2))
	require.True(t, s.Take("a", 2))
	require.False(t, s.Take("a", 2))
	require.True(t, s.Take("b", 1))
	s.Leave("a")
	require.True(t, s.Take("a", 2))
	s.Leave("a")
	s.Leave("a")
	s.Leave("b")
	require.Empty(t, s.taken)
}
