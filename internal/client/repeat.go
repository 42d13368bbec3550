package client

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	attemptTimeout = 15 * time.Second // one attempt: longer than a server takes by default
	firstPause     = 100 * time.Millisecond
	mostPause      = 5 * time.Second
)

// Repeat makes a call, and again while it fails as Unavailable, for so long in all:
// after as long as the server says or, where it says nothing, after pauses that
// grow. The call must name ids, so that an attempt that was done after all is
// replayed. The error is a [Failure].
func Repeat[A any](ctx context.Context, patience time.Duration, call func(ctx context.Context) (A, error)) (A, error) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = firstPause, mostPause
	attempt := func() (A, error) {
		ctx, cancel := context.WithTimeout(ctx, min(patience, attemptTimeout))
		defer cancel()
		answer, err := call(ctx)
		if err == nil {
			return answer, nil
		}
		err = Explain(err)
		var failure *Failure
		if !errors.As(err, &failure) || failure.Kind != Unavailable {
			return answer, backoff.Permanent(err)
		}
		if after := failure.RetryAfter(); after > 0 {
			return answer, errors.Join(failure, &backoff.RetryAfterError{Duration: after})
		}
		return answer, failure
	}
	answer, err := backoff.Retry(ctx, attempt, backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(patience))
	return answer, Explain(err)
}
