package reservation

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/inventory"
)

// While the process is late, stopped calls wait longer and longer, up to the most;
// once it is not, the wait goes.
func TestPressureFollowsLateness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late atomic.Int64
		late.Store(int64(2 * pressureLate))
		p := &pressure{late: func() time.Duration { return time.Duration(late.Load()) }}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.run(ctx)
		}()
		began := time.Now()
		p.wait(ctx)
		require.Zero(t, time.Since(began), "nobody waits at first")
		time.Sleep(time.Second)
		held := time.Duration(p.delay.Load())
		require.Greater(t, held, 50*time.Millisecond)
		time.Sleep(time.Minute)
		require.Equal(t, pressureMost, time.Duration(p.delay.Load()))
		late.Store(0)
		time.Sleep(time.Minute)
		require.Zero(t, p.delay.Load())
		cancel()
		<-done
	})
}

// A wait takes half to one and a half times the delay, but no more than half of
// what its caller has, and ends with its caller.
func TestPressureWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pressure{}
		p.delay.Store(int64(400 * time.Millisecond))
		for range 100 {
			began := time.Now()
			p.wait(t.Context())
			took := time.Since(began)
			require.GreaterOrEqual(t, took, 200*time.Millisecond)
			require.LessOrEqual(t, took, 600*time.Millisecond+pressureGrid)
		}
		hasty, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		p.wait(hasty)
		require.Equal(t, 50*time.Millisecond, time.Since(began))
		gone, leave := context.WithCancel(t.Context())
		leave()
		began = time.Now()
		p.wait(gone)
		require.Zero(t, time.Since(began))
	})
}

// A row has a storm when many calls are stopped for it within a second, and for
// a second after; calls for many rows, few for each, are none.
func TestAStormIsForOneRow(t *testing.T) {
	lines := func(skus ...int) (lines []Line) {
		for _, sku := range skus {
			lines = append(lines, Line{Key: inventory.Key{Location: "default", SKU: strconv.Itoa(sku)}, Quantity: 1})
		}
		return lines
	}
	one := []int{0}
	synctest.Test(t, func(t *testing.T) {
		p := &pressure{}
		for sku := range 2 * stormRows {
			require.False(t, p.storm(lines(sku), one))
		}
		time.Sleep(time.Second)
		for range stormRate {
			require.False(t, p.storm(lines(1), one))
		}
		require.True(t, p.storm(lines(1), one))
		require.True(t, p.storm(lines(2, 1), []int{0, 1}), "one of its lines is in the storm")
		require.False(t, p.storm(lines(2, 1), one), "it is not stopped for that line")
		time.Sleep(time.Second)
		require.True(t, p.storm(lines(1), one), "it was one a second ago")
		time.Sleep(2 * time.Second)
		require.False(t, p.storm(lines(1), one), "it is over")
	})
}
