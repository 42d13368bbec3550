package testservers

import (
	"context"
	"fmt"
	"time"
)

const (
	// startPatience bounds a wait whose context sets no deadline.
	startPatience = 60 * time.Second
	// pollInterval is the pause between two looks at what is not ready yet.
	pollInterval = 20 * time.Millisecond
)

// withDeadline gives a context that has no deadline the package's own.
func withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, startPatience)
}

// until looks again and again until check returns nil; the error at the deadline carries check's last one.
func until(ctx context.Context, what string, check func(context.Context) error) error {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	for {
		last := check(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w: %w", what, ctx.Err(), last)
		case <-time.After(pollInterval):
		}
	}
}
