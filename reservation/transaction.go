package reservation

import (
	"context"
	"fmt"
	"time"

	"stockhold/inventory"
)

// errSeen: an id that was missing when it could not be locked is there now.
var errSeen = fmt.Errorf("%w: an id appeared meanwhile", ErrConflict)

// attempt runs one transaction over the operations, or over as many of the
// first of them as one transaction can carry, and answers those. It returns
// the rest, or why nothing was done.
//
// With divert, operations that turn out to touch a slow row go to the slow lane.
func (l *Ledger) attempt(ctx context.Context, ops []*Operation, readAll, divert bool) (rest []*Operation, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.opts.BatchTimeout)
	defer cancel()
	ctx, span := beginBatch(ctx, ops)
	defer func() { endBatch(span, len(ops), err) }()
	began := time.Now()
	tx, err := l.store.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()

	held, err := tx.LockReservations(ctx, idsToLock(ops, readAll), Await)
	if err != nil {
		return nil, err
	}
	ops, rest, held = cut(ops, held, l.opts.BatchLines)
	if err := tx.ReadLines(ctx, needLines(ops, held)); err != nil {
		return nil, err
	}
	if divert {
		var slow []*Operation
		ops, slow = l.slow.splitHeld(ops, held)
		l.slowDown(slow)
		if len(ops) == 0 {
			return rest, nil
		}
	}
	b, answers, err := l.decide(ctx, tx, ops, held)
	if err != nil {
		return nil, err
	}
	l.committed(b, len(ops), time.Since(began))
	reach(ops, "committed")
	for i, op := range ops {
		op.finish(answers[i])
	}
	reach(ops, "answered")
	l.settler.link(ctx)
	l.settleBatch(b, ops)
	l.teller.add(b.passages)
	return rest, nil
}

// decide is the middle of a transaction: everything between the locks on the
// reservations, whose lines are read, and the reply to COMMIT.
func (l *Ledger) decide(ctx context.Context, tx Tx, ops []*Operation, held []*Reservation) (*batch, []Answer, error) {
	stocks, err := tx.LockStocks(ctx, keysToLock(ops, held), Await)
	if err != nil {
		return nil, nil, err
	}
	var adjustments []inventory.Adjustment
	if ids := adjustmentIDs(ops); len(ids) > 0 {
		if adjustments, err = tx.Adjustments(ctx, ids); err != nil {
			return nil, nil, err
		}
	}
	// A row that was not there could not be locked. If a known change made it
	// since, its replay shows the row as it is now.
	if late := madeMeanwhile(stocks, adjustments); len(late) > 0 {
		made, err := tx.LockStocks(ctx, late, Await)
		if err != nil {
			return nil, nil, err
		}
		stocks = append(stocks, made...)
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return nil, nil, err
	}

	b := newBatch(now, l.onHandLimit.Load(), held, stocks, adjustments)
	b.telling = l.teller.wanted()
	answers := make([]Answer, len(ops))
	for i, op := range ops {
		answers[i] = b.apply(op)
	}
	if missing := b.missing(); len(missing) > 0 {
		found, err := tx.Exist(ctx, missing)
		if err != nil {
			return nil, nil, err
		}
		if len(found) > 0 {
			markKnown(ops, found)
			return nil, nil, errSeen
		}
	}
	if changes := b.changes(l.keys.next(now, l.opts.Random)); !changes.Empty() {
		if err := tx.Write(ctx, changes); err != nil {
			return nil, nil, err
		}
	}
	reach(ops, "sent")
	defer timeCommit(time.Now())
	return b, answers, tx.Commit(ctx)
}

// committed keeps the figures of a batch that is in the books.
func (l *Ledger) committed(b *batch, ops int, took time.Duration) {
	countCaught(b.caught)
	batchSize.Record(context.Background(), int64(ops))
	batchDuration.Record(context.Background(), took.Seconds())
	pace := l.pace.Load()
	l.pace.Store(pace + (int64(took)-pace)/8)
}

// fail answers operations that were not done.
func (l *Ledger) fail(ops []*Operation, err error) {
	for _, op := range ops {
		l.end(op, Answer{Err: err})
	}
}

// end answers an operation outside of a batch and gives back what the gate froze for it.
func (l *Ledger) end(op *Operation, answer Answer) {
	op.finish(answer)
	l.settleHold(op)
}

func (l *Ledger) settleHold(op *Operation) {
	if op.Frozen {
		l.settler.add(nil, []HoldID{op.ID})
	}
}

// settleBatch tells the gate what was committed: new views, and the holds that
// are no longer pending.
func (l *Ledger) settleBatch(b *batch, ops []*Operation) {
	var frozen []HoldID
	for _, op := range ops {
		if op.Frozen {
			frozen = append(frozen, op.ID)
		}
	}
	l.settler.add(b.views(), frozen)
}
