package sweeper

import (
	"context"
	"errors"
	"time"

	"stockhold/reservation"
)

// Bounds of a pass. They keep every step from starving the others, whatever is due.
const (
	pagesPerPass = 10 // of each step

	storeTimeout  = 10 * time.Second // one read, claim or chunk of a purge
	ledgerTimeout = 15 * time.Second // one page through the ledger
	gateTimeout   = 10 * time.Second // one page of the gate, in as many trips as it takes

	undecidedLimit = 5_000 // holds counted for the gauges
)

// decide is the first half of a pass: bring what is due to its end. It reports
// whether another one should follow at once: something was due, and working on
// it got somewhere. No step's trouble keeps the next from its turn.
func (s *Sweeper) decide(ctx context.Context, report *Report, asked *memory) (more bool, err error) {
	report.Passes++
	s.adopt()
	var errs []error
	for _, policy := range []reservation.OnExpiry{reservation.ReleaseOnExpiry, reservation.ConfirmOnExpiry} {
		left, err := s.runPolicy(ctx, report, policy)
		more = more || left
		errs = append(errs, s.ended(ctx, report, "policy "+policy.String(), err))
	}
	left, err := s.checkBack(ctx, report, asked)
	errs = append(errs, s.ended(ctx, report, "check-back", err))
	return more || left, errors.Join(errs...)
}

// tidy is the second half of a pass: a slice of the gate, some of the purge, and
// a look at what is still undecided.
func (s *Sweeper) tidy(ctx context.Context, report *Report) error {
	var errs []error
	if s.gate != nil {
		_, err := s.reap(ctx, report)
		errs = append(errs, s.ended(ctx, report, "reap", err))
		errs = append(errs, s.ended(ctx, report, "refresh", s.refreshSlice(ctx, report)))
	}
	_, err := s.purge(ctx, report)
	errs = append(errs, s.ended(ctx, report, "purge", err))
	errs = append(errs, s.ended(ctx, report, "undecided", s.look(ctx)))
	return errors.Join(errs...)
}

// tidyAll is tidy until there is nothing left to tidy.
func (s *Sweeper) tidyAll(ctx context.Context, report *Report) error {
	var errs []error
	if s.gate != nil {
		errs = append(errs, s.ended(ctx, report, "reap", repeat(ctx, report, s.reap)))
		errs = append(errs, s.ended(ctx, report, "refresh", s.refreshAll(ctx, report)))
	}
	errs = append(errs, s.ended(ctx, report, "purge", repeat(ctx, report, s.purge)))
	errs = append(errs, s.ended(ctx, report, "undecided", s.look(ctx)))
	return errors.Join(errs...)
}

func repeat(ctx context.Context, report *Report, step func(context.Context, *Report) (more bool, err error)) error {
	for more := true; more && ctx.Err() == nil; {
		var err error
		if more, err = step(ctx, report); err != nil {
			return err
		}
	}
	return nil
}

// look refreshes the gauges of what is undecided.
func (s *Sweeper) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	undecided, err := s.store.Undecided(ctx, undecidedLimit)
	if err != nil {
		return err
	}
	s.metrics.undecided(ctx, undecided)
	return nil
}

// ended notes how a step ended. It returns the error if it is the ledger's; the
// gate's are counted apart, and what a pass misses because it was told to stop
// is no error. A trouble that lasts is logged when it begins and when it ends.
func (s *Sweeper) ended(ctx context.Context, report *Report, step string, err error) error {
	switch {
	case err == nil:
		if s.troubled[step] {
			s.log.Info("the sweeper is at work again", "step", step)
		}
		delete(s.troubled, step)
		return nil
	case ctx.Err() != nil:
		return nil
	}
	level := s.log.Warn
	if s.troubled[step] {
		level = s.log.Debug
	}
	s.troubled[step] = true
	level("a step of the sweeper stopped early; the next pass tries again", "step", step, "error", err)
	if errors.Is(err, errGate) {
		report.GateFailed++
		return nil
	}
	report.Failed++
	return err
}

// transient reports errors that say nothing of the hold: the ledger is away or
// full, or out of time. The hold's lease, or its next check, tries again.
func transient(err error) bool {
	var refusal *reservation.Refusal
	if errors.As(err, &refusal) {
		return refusal.Reason == reservation.Overloaded
	}
	return errors.Is(err, reservation.ErrUnavailable) || errors.Is(err, reservation.ErrInDoubt)
}
