package faults

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// Eventually is require.Eventually on the goroutine of the test, so that a
// condition may require something itself: elsewhere that would end the goroutine
// which polls, and be heard of when all time is over. What a condition waits for
// needs an end of its own.
func Eventually(t testing.TB, done func() bool, limit, tick time.Duration, message ...any) {
	t.Helper()
	poll := time.NewTicker(tick)
	defer poll.Stop()
	for began := time.Now(); !done(); <-poll.C {
		if time.Since(began) > limit {
			require.Fail(t, fmt.Sprintf("it does not happen within %s", limit), message...)
		}
	}
}

// Later reports whether an error tells a caller to come back later, or not even
// that: what everybody may hear of servers that have more to do than they can, or
// whose stores are away.
func Later(err error) bool {
	switch refusal := Refusal(err); refusal.GetReason() {
	case stockholdv1.Reason_REASON_UNAVAILABLE, stockholdv1.Reason_REASON_OVERLOADED, stockholdv1.Reason_REASON_DEADLINE_EXCEEDED:
		return true
	default:
		return err != nil && refusal == nil
	}
}

// Persist makes a call again and again until it is answered, as callers are asked
// to. The error is final, or says that time is over.
func Persist[T any](ctx context.Context, limit time.Duration, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		answer, err := call(ctx)
		if !Later(err) || ctx.Err() != nil {
			return answer, err
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// Answered is Persist in a test, which ends where the call is refused.
func Answered[T any](t testing.TB, limit time.Duration, call func(context.Context) (T, error)) T {
	t.Helper()
	answer, err := Persist(t.Context(), limit, call)
	require.NoError(t, err)
	return answer
}
