package reservation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stockhold/internal/tracing"
)

// Due is a hold whose policy was due, and what became of it.
type Due struct {
	HoldID
	NextCheckAt time.Time // as it was found: the lease for a Deferral, should the answer be an error
	Checks      int
	Answer      Answer
}

// RunDue acts on a page of holds of one policy (ReleaseOnExpiry or
// ConfirmOnExpiry) whose next check is due, in one transaction of its own: it
// locks them, skipping those that others are at work on, and acts on what is
// still due under the lock. Any number of processes may run it at once.
//
// When the page cannot be written as a whole, its holds go one by one through
// the committers, so that a hold that cannot be written harms only itself. The
// error is for a ledger that is away; nothing was done then.
func (l *Ledger) RunDue(ctx context.Context, policy OnExpiry, limit int) ([]Due, error) {
	call := ExpireDue
	switch policy {
	case ReleaseOnExpiry:
	case ConfirmOnExpiry:
		call = ConfirmDue
	default:
		return nil, fmt.Errorf("reservation: %s is not a policy that acts by itself", policy)
	}
	for runs := 1; ; runs++ {
		due, err := l.attemptDue(ctx, policy, call, min(limit, maxBatchOps))
		switch {
		case err == nil:
			return due, nil
		case errors.Is(err, ErrConflict) && runs < maxConflicts:
			countRetry("conflict")
			l.pause(runs)
		case len(due) == 0 || errors.Is(err, ErrAway) || errors.Is(err, ErrConflict) || ctx.Err() != nil:
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		default: // a COMMIT whose reply was lost included: the table makes repeats harmless
			countRetry("split")
			l.opts.Logger.Warn("a page of due holds could not be written; going on one by one", "holds", len(due), "error", err)
			ops := make([]*Operation, len(due))
			for i, d := range due {
				ops[i] = &Operation{Call: call, ID: d.HoldID, By: ByPolicy}
			}
			for i, answer := range l.Do(ctx, ops) {
				due[i].Answer = answer
			}
			return due, nil
		}
	}
}

// attemptDue is one transaction over one page. On an error it tells which holds it met.
func (l *Ledger) attemptDue(ctx context.Context, policy OnExpiry, call Call, limit int) (due []Due, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.opts.BatchTimeout)
	defer cancel()
	ctx, span := beginBatch(ctx, nil)
	defer func() { endBatch(span, len(due), err) }()
	began := time.Now()
	tx, err := l.store.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	held, err := tx.LockDue(ctx, policy, limit)
	if err != nil || len(held) == 0 {
		return nil, err
	}
	ops := make([]*Operation, len(held))
	mark := tracing.MarkOf(ctx)
	for i, r := range held {
		ops[i] = &Operation{Call: call, ID: r.HoldID, By: ByPolicy, mark: mark}
	}
	ops, _, held = cut(ops, held, l.opts.BatchLines) // the rest is still due on the next page
	due = make([]Due, len(held))
	for i, r := range held {
		due[i] = Due{HoldID: r.HoldID, NextCheckAt: r.NextCheckAt, Checks: r.Checks}
	}
	if err := tx.ReadLines(ctx, needLines(ops, held)); err != nil {
		return due, err
	}
	b, answers, err := l.decide(ctx, tx, ops, held)
	if err != nil {
		return due, err
	}
	for i := range due {
		due[i].Answer = answers[i]
	}
	l.committed(b, len(ops), time.Since(began))
	reach(ops, "committed")
	if tracing.On() {
		linkTrys(ctx, held)
	}
	l.settler.link(ctx)
	l.settler.add(b.views(), nil)
	l.teller.add(b.passages)
	return due, nil
}
