package sweeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sony/gobreaker/v2"

	"stockhold/internal/tracing"
	"stockhold/reservation"
)

// Why an owner was not asked, or not to the end. None of them counts as a check.
var (
	errBreakerOpen = errors.New("the owner's breaker is open")
	errStopped     = errors.New("the sweeper was told to stop")
)

// owner is one owner that can be asked, behind a breaker of its own: an owner
// that never answers in time would otherwise cost every page a time-out.
type owner struct {
	name    string
	decider Decider
	timeout time.Duration
	breaker *gobreaker.CircuitBreaker[[]Decision]
	log     *slog.Logger
	metrics *metrics
}

func newOwner(name string, decider Decider, opts Options, metrics *metrics) *owner {
	o := &owner{name: name, decider: decider, timeout: opts.RequestTimeout, log: opts.Logger, metrics: metrics}
	o.breaker = gobreaker.NewCircuitBreaker[[]Decision](gobreaker.Settings{
		Name:        name,
		MaxRequests: 1,
		Timeout:     opts.BreakerPause,
		ReadyToTrip: func(c gobreaker.Counts) bool { return int(c.ConsecutiveFailures) >= opts.BreakerFailures },
		IsExcluded:  func(err error) bool { return errors.Is(err, errStopped) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			o.log.Warn("the breaker in front of a decider changed", "owner", name, "from", from.String(), "to", to.String())
			metrics.breakerChanged(name, to)
		},
	})
	metrics.breakerChanged(name, gobreaker.StateClosed)
	metrics.countFromZero(name)
	return o
}

// decide asks about some holds in one request.
func (o *owner) decide(ctx context.Context, claims []reservation.Claim) ([]Decision, error) {
	questions := make([]Question, len(claims))
	for i, c := range claims {
		questions[i] = Question{ID: c.ID, Reference: c.Reference, ExpiresAt: c.ExpiresAt, Checks: c.Checks}
	}
	decisions, err := o.breaker.Execute(func() ([]Decision, error) {
		began := time.Now()
		requestCtx, cancel := context.WithTimeout(ctx, o.timeout)
		defer cancel()
		requestCtx, span := beginCheck(requestCtx, o.name, claims)
		decisions, err := o.decider.Decide(requestCtx, o.name, questions)
		tracing.End(span, err)
		if err != nil && ctx.Err() != nil {
			return nil, fmt.Errorf("%w: %w", errStopped, err)
		}
		o.metrics.asked(ctx, o.name, time.Since(began), err)
		return decisions, err
	})
	switch {
	case err == nil:
		return decisions, nil
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		return nil, errBreakerOpen
	case errors.Is(err, errStopped):
		return nil, err
	}
	o.log.Warn("an owner did not say what it decided", "owner", o.name, "questions", len(questions), "error", err)
	return nil, fmt.Errorf("ask owner %s: %w", o.name, err)
}

// verdicts fits decisions to the claims they were asked about. What does not fit
// is no decision: a hold that was decided about twice in one answer is as
// undecided as one that was left out, and what nobody asked about is ignored.
func (o *owner) verdicts(ctx context.Context, claims []reservation.Claim, decisions []Decision) []Decision {
	at := make(map[string]int, len(claims))
	for i, c := range claims {
		at[c.ID] = i
	}
	fitted := make([]Decision, len(claims))
	answered := make([]bool, len(claims))
	strange := map[string]int64{}
	for _, d := range decisions {
		i, asked := at[d.ID]
		switch {
		case !asked:
			strange["not_asked"]++
		case answered[i]:
			strange["twice"]++
			fitted[i] = Decision{}
		case d.Verdict < Commit || d.Verdict > Unknown:
			strange["verdict"]++
			answered[i] = true
		default:
			fitted[i], answered[i] = d, true
		}
	}
	for i := range fitted {
		if fitted[i].Verdict == 0 {
			fitted[i] = Decision{ID: claims[i].ID, Verdict: Unknown}
		}
	}
	if len(strange) > 0 {
		o.metrics.misfits(ctx, o.name, strange)
		o.log.Warn("a decider's answer does not fit what it was asked", "owner", o.name, "questions", len(claims),
			"not_asked", strange["not_asked"], "twice", strange["twice"], "unknown_verdict", strange["verdict"])
	}
	return fitted
}
