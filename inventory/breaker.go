package inventory

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	// breakerFailures is how many calls in a row without an answer open the breaker.
	// A round trip is one call, however many holds it carries: the flights under
	// way and the settlement beside them are enough when Redis falls silent.
	breakerFailures = flightsAtOnce + 1
	// breakerPause is how long it stays open before one call may try again.
	breakerPause = time.Second
)

// breaker keeps the hot path from waiting for a Redis that does not answer.
//
// Only silence counts against Redis. An answer that the caller does not like is
// an answer; above all, a full Redis that refuses to freeze must still be told
// to settle, or it stays full. A caller that gave up counts neither way.
type breaker struct {
	circuit *gobreaker.CircuitBreaker[struct{}]
}

func newBreaker(log *slog.Logger, changed func(gobreaker.State)) *breaker {
	return &breaker{circuit: gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name:         "gate",
		MaxRequests:  1,
		Timeout:      breakerPause,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakerFailures },
		IsSuccessful: func(err error) bool { return !errors.Is(err, ErrAway) || isFull(err) },
		IsExcluded:   func(err error) bool { return errors.Is(err, errCallerGone) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			// A try in vain, from half-open to open, is no news.
			switch {
			case from == gobreaker.StateClosed:
				log.Warn("redis does not answer: holds go to the ledger without the gate")
			case to == gobreaker.StateClosed:
				log.Info("redis answers again")
			}
			changed(to)
		},
	})}
}

// do runs work, which returns a classified error, unless Redis was silent lately:
// then it returns ErrAway at once.
func (b *breaker) do(work func() error) error {
	_, err := b.circuit.Execute(func() (struct{}, error) { return struct{}{}, work() })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return fmt.Errorf("%w: no answer from Redis %d times in a row, next try within %s",
			ErrAway, breakerFailures, breakerPause)
	}
	return err
}
