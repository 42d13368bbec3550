package reservation

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
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
