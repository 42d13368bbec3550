package sweeper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stockhold/reservation"
)

// act sends what came of a page through the ledger's batch: decisions confirm or
// cancel, everything else puts the next check off. Answers that were received
// are acted on even while the sweeper is being stopped.
//
// The error is for a ledger that did not get through the page. Holds that failed
// for reasons of their own are put off.
func (s *Sweeper) act(ctx context.Context, report *Report, replies []reply) error {
	delays := s.newDelays()
	ops := make([]*reservation.Operation, len(replies))
	for i, r := range replies {
		ops[i] = s.operation(r, delays)
	}
	var poison []check
	var stopped error
	parked := report.Parked
	for i, answer := range s.do(ctx, ops) {
		err := s.count(ctx, report, replies[i], answer)
		switch {
		case err == nil:
		case transient(err):
			report.Failed++
			stopped = err
		default:
			r := replies[i]
			poison = append(poison, check{id: r.HoldID, lease: r.Lease, checks: r.Checks, parked: r.Parked, err: err})
		}
	}
	if n := report.Parked - parked; n > 0 {
		s.log.Warn("holds were parked: their owners did not decide, and an operator should look", "holds", n)
	}
	_, err := s.putOff(ctx, report, poison)
	return errors.Join(stopped, err)
}

func (s *Sweeper) do(ctx context.Context, ops []*reservation.Operation) []reservation.Answer {
	if len(ops) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ledgerTimeout)
	defer cancel()
	return s.ledger.Do(ctx, ops)
}

// operation is what a reply asks of the ledger. A COMMIT never takes again what
// was released, and an ABORT leaves no tombstone.
func (s *Sweeper) operation(r reply, delays *delays) *reservation.Operation {
	op := &reservation.Operation{ID: r.HoldID, By: reservation.ByCheckBack}
	switch {
	case r.unasked:
		op.Defer = s.unaskedDeferral(r, delays)
	case r.verdict == Commit:
		op.Call = reservation.Confirm
	case r.verdict == Abort:
		op.Call = reservation.CancelKnown
	default:
		op.Defer = s.undecidedDeferral(r, delays)
	}
	return op
}

// unaskedDeferral comes back when the owner may be asked again. No check is counted.
func (s *Sweeper) unaskedDeferral(r reply, delays *delays) *reservation.Deferral {
	delay := max(delays.after(r.Checks), s.opts.BreakerPause)
	if r.Parked {
		delay = delays.parked()
	}
	return &reservation.Deferral{Lease: r.Lease, Delay: delay, Checks: r.Checks, Park: r.Parked}
}

// undecidedDeferral counts the check. After enough of them the hold is parked,
// and asked at the slowest interval from then on.
func (s *Sweeper) undecidedDeferral(r reply, delays *delays) *reservation.Deferral {
	d := s.deferral(r.Lease, r.Checks, r.Parked, delays)
	if r.verdict == Pending && r.retryAfter > 0 {
		retry := clampRetry(r.retryAfter)
		if d.Park {
			retry = max(retry, d.Delay)
		}
		d.Delay = retry
	}
	return d
}

// deferral backs off after one more check without a decision.
func (s *Sweeper) deferral(lease time.Time, checks int, parked bool, delays *delays) *reservation.Deferral {
	checks = min(checks+1, maxChecks)
	d := &reservation.Deferral{Lease: lease, Delay: delays.after(checks), Checks: checks, Park: parked || checks >= s.opts.ParkAfter}
	if d.Park {
		d.Delay = delays.parked()
	}
	return d
}

// count reads the ledger's answer to what a reply asked. It returns what is
// neither done nor a contradiction.
func (s *Sweeper) count(ctx context.Context, report *Report, r reply, answer reservation.Answer) error {
	if refusal, ok := contradiction(r.verdict, answer.Err); ok {
		report.Contradictions++
		s.metrics.contradicted(ctx, r.Owner, r.verdict)
		s.log.Warn("an owner's decision contradicts what already happened, which stands", "owner", r.Owner, "id", r.ID,
			"verdict", r.verdict.String(), "state", refusal.Reservation.State.String(), "resolved_by", refusal.Reservation.ResolvedBy.String())
		return nil
	}
	switch {
	case answer.Err != nil && overtaken(answer.Err):
		report.Overtaken++
	case answer.Err != nil:
		return fmt.Errorf("%s of %s: %w", r.verdict, r.HoldID, answer.Err)
	case answer.Replayed:
		report.Overtaken++ // by its caller, or by another sweeper
	case r.unasked:
	case r.verdict == Commit:
		report.Confirmed++
	case r.verdict == Abort:
		report.Canceled++
	case !r.Parked && answer.Reservation.Parked():
		report.Parked++
		s.log.Info("a hold is parked", "owner", r.Owner, "id", r.ID, "checks", answer.Reservation.Checks, "has_decider", s.owners[r.Owner] != nil)
	}
	return nil
}

// contradiction finds the refusals that mean that owner and ledger disagree.
func contradiction(verdict Verdict, err error) (*reservation.Refusal, bool) {
	var refusal *reservation.Refusal
	if !errors.As(err, &refusal) || refusal.Reservation == nil || overtaken(err) {
		return nil, false
	}
	wrong := verdict == Commit && refusal.Reason == reservation.WasReleased ||
		verdict == Abort && refusal.Reason == reservation.AlreadyConfirmed
	return refusal, wrong
}

// overtaken reports a COMMIT of what was confirmed and has come back since: no
// contradiction, only late.
func overtaken(err error) bool {
	var refusal *reservation.Refusal
	return errors.As(err, &refusal) && refusal.Reason == reservation.WasReleased &&
		refusal.Reservation != nil && refusal.Reservation.State == reservation.Returned
}

// check is a hold that the ledger could not write, as it was found.
type check struct {
	id     reservation.HoldID
	lease  time.Time
	checks int
	parked bool
	locked bool // by somebody else: it says nothing of the hold
	err    error
}

// putOff backs off from holds that cannot be written, so that they do not stand
// in front of the others, and in the end shows them to an operator. It returns
// how many it could put off; the rest has nothing but its lease. The error is for
// a ledger that did not get to them.
func (s *Sweeper) putOff(ctx context.Context, report *Report, poison []check) (done int, stopped error) {
	report.Failed += len(poison)
	delays := s.newDelays()
	ops := make([]*reservation.Operation, len(poison))
	for i, c := range poison {
		s.log.Error("a hold that is due cannot be written", "owner", c.id.Owner, "id", c.id.ID, "checks", c.checks, "error", c.err)
		deferral := s.deferral(c.lease, c.checks, c.parked, delays)
		if c.locked {
			deferral = &reservation.Deferral{Lease: c.lease, Delay: delays.after(1), Checks: c.checks, Park: c.parked}
		}
		ops[i] = &reservation.Operation{ID: c.id, Defer: deferral}
	}
	for i, answer := range s.do(ctx, ops) {
		c := poison[i]
		switch err := answer.Err; {
		case err == nil && answer.Replayed: // it was moved meanwhile
			done++
		case err == nil:
			done++
			if !c.parked && answer.Reservation.Parked() {
				report.Parked++
			}
		case transient(err):
			stopped = fmt.Errorf("put off %s: %w", c.id, err)
		default:
			s.log.Error("nor can its next check be put off", "owner", c.id.Owner, "id", c.id.ID, "error", err)
		}
	}
	return done, stopped
}
