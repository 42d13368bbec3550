package app

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A process whose goroutines are all busy is late with what comes in, and is not
// any more once they are done.
func TestPulse(t *testing.T) {
	p := &pulse{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.run(ctx) }()
	require.Eventually(t, func() bool { return p.Late() > 0 }, time.Minute, time.Millisecond)
	calm := p.Late()
	for range 100 { // the machine may be busy with something else
		time.Sleep(pulseEvery)
		calm = min(calm, p.Late())
	}

	var stop atomic.Bool
	defer stop.Store(true)
	for range 200 {
		go func() {
			for !stop.Load() {
			}
		}()
	}
	var worst time.Duration
	require.Eventually(t, func() bool {
		worst = max(worst, p.Late())
		return worst > 2*calm && worst > 10*time.Millisecond
	}, time.Minute, time.Millisecond)
	stop.Store(true)
	require.Eventually(t, func() bool { return p.Late() < worst/2 }, time.Minute, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
}
