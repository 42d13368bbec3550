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

	var stop atomic.Bool
	for range 200 {
		go func() {
			for !stop.Load() {
			}
		}()
	}
	require.Eventually(t, func() bool { return p.Late() > 4*calm && p.Late() > 10*time.Millisecond }, time.Minute, time.Millisecond)
	stop.Store(true)
	require.Eventually(t, func() bool { return p.Late() < 5*time.Millisecond }, time.Minute, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
}
