package sweeper

import (
	"context"
	"errors"
	"fmt"

	"stockhold/reservation"
)

// runPolicy lets the ledger act on holds that said at Try what their expiry is
// to do, page by page, until none is due or the pass has done its share. A hold
// that cannot be written is put off, and the others go on.
func (s *Sweeper) runPolicy(ctx context.Context, report *Report, policy reservation.OnExpiry) (more bool, err error) {
	for range pagesPerPass {
		due, err := s.runDue(ctx, policy)
		if err != nil {
			return false, fmt.Errorf("act on due holds: %w", err)
		}
		if len(due) == 0 {
			return false, nil
		}
		report.Due += len(due)
		moved, poison, stopped := s.countDue(report, due)
		if stopped != nil {
			return false, fmt.Errorf("act on due holds: %w", stopped)
		}
		putOff, err := s.putOff(ctx, report, poison)
		if err != nil {
			return false, err
		}
		if moved+putOff == 0 {
			return false, nil // the same page would come again
		}
	}
	return true, nil
}

func (s *Sweeper) runDue(ctx context.Context, policy reservation.OnExpiry) ([]reservation.Due, error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	return s.ledger.RunDue(ctx, policy, s.opts.Page)
}

// countDue tells how many holds of a page are no longer held, and which failed
// for reasons of their own; stopped is why the ledger did not get through the page.
func (s *Sweeper) countDue(report *Report, due []reservation.Due) (moved int, poison []check, stopped error) {
	for _, d := range due {
		switch err := d.Answer.Err; {
		case err == nil && d.Answer.Replayed:
			report.Overtaken++
			if d.Answer.Reservation.State != reservation.Reserved {
				moved++
			}
		case err == nil:
			moved++
			if d.Answer.Reservation.State == reservation.Confirmed {
				report.Confirmed++
			} else {
				report.Expired++
			}
		case errors.Is(err, reservation.ErrLockWait): // a row of its own is locked: the others go on
			poison = append(poison, check{id: d.HoldID, lease: d.NextCheckAt, checks: d.Checks, parked: d.Checks >= s.opts.ParkAfter, locked: true, err: err})
		case transient(err):
			report.Failed++
			stopped = err
		default:
			poison = append(poison, check{id: d.HoldID, lease: d.NextCheckAt, checks: d.Checks, parked: d.Checks >= s.opts.ParkAfter, err: err})
		}
	}
	return moved, poison, stopped
}
