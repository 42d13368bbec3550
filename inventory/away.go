package inventory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrAway wraps every way in which Redis cannot answer now: it is not reached in
// time, it is starting, failing over, full or refusing writes, or the breaker is
// open after several of those. The ledger decides without it.
var ErrAway = errors.New("the gate is away")

// errCallerGone marks calls whose caller stopped waiting. They say nothing of Redis.
var errCallerGone = errors.New("the caller stopped waiting for the gate")

// awayReplies start the error replies of a Redis that is there and cannot serve:
// none of them says anything about the call itself.
var awayReplies = []string{
	"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "OOM", "MISCONF", "NOREPLICAS",
	"BUSY", "TRYAGAIN", "MOVED", "ASK", "NOAUTH", "WRONGPASS", "NOPERM",
	"max number of clients reached",
}

// classify wraps the errors that mean "away" in ErrAway and leaves the others,
// which are replies that make no sense: a script that failed, a stranger's key.
// An error seen by a caller that is gone anyway may be due to its haste alone.
func classify(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case callerGone(ctx):
		return fmt.Errorf("%w: %w", errCallerGone, err)
	case isAway(err):
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	return err
}

func isAway(err error) bool {
	var replied redis.Error
	if errors.As(err, &replied) {
		for _, start := range awayReplies {
			if redis.HasErrorPrefix(err, start) {
				return true
			}
		}
		return false
	}
	return true // no reply at all: refused, cut off, timed out, closed
}

// isFull says that Redis refused a write for want of memory.
func isFull(err error) bool { return redis.HasErrorPrefix(err, "OOM") }

// callerGone says that the caller cancelled or that its deadline is over, which
// a socket with the same deadline may notice before the context does.
func callerGone(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}
