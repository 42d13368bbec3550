package reservation

import (
	"context"

	"stockhold/inventory"
)

// setAside looks for the locked rows behind a lock wait that timed out, which
// the database does not name, and moves the operations that touch them to the
// slow lane; the others are left in ops. It reports whether it found any; if not
// (the lock is gone, or it is on a row that cannot be seen yet), the batch must be
// halved.
func (l *Ledger) setAside(ctx context.Context, ops *[]*Operation) bool {
	free, blocked, rows, err := l.probe(ctx, *ops)
	if err != nil || len(blocked) == 0 {
		return false
	}
	l.opts.Logger.Warn("rows stay locked by another transaction; calls on them are set aside", "rows", len(rows), "calls", len(blocked))
	l.slow.mark(rows)
	l.slowDown(blocked)
	*ops = free
	return true
}

// lockedRows names what one operation waited for: the locked row, if it can be
// seen, else all rows that it is known to touch.
func (l *Ledger) lockedRows(ctx context.Context, op *Operation) []any {
	if _, _, rows, err := l.probe(ctx, []*Operation{op}); err == nil && len(rows) > 0 {
		return rows
	}
	return rowsOf(op)
}

// probe tells operations that touch a locked row from those that do not, by
// locking what can be had without waiting.
func (l *Ledger) probe(ctx context.Context, ops []*Operation) (free, blocked []*Operation, rows []any, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.opts.BatchTimeout)
	defer cancel()
	tx, err := l.store.Begin(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	defer tx.Rollback()

	ids := idsToLock(ops, true)
	held, err := tx.LockReservations(ctx, ids, Pass)
	if err != nil {
		return nil, nil, nil, err
	}
	known, err := tx.Exist(ctx, ids)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := tx.ReadLines(ctx, needLines(ops, held)); err != nil {
		return nil, nil, nil, err
	}
	keys := keysToLock(ops, held)
	unlocked, err := tx.LockStocks(ctx, keys, Pass)
	if err != nil {
		return nil, nil, nil, err
	}
	there, err := l.store.Stocks(ctx, keys)
	if err != nil {
		return nil, nil, nil, err
	}

	lockedKeys := map[inventory.Key]bool{}
	for _, s := range there {
		lockedKeys[s.Key] = true
	}
	for _, s := range unlocked {
		delete(lockedKeys, s.Key)
	}
	lockedIDs := map[HoldID]bool{}
	for _, id := range known {
		lockedIDs[id] = true
	}
	lines := map[HoldID][]Line{}
	for _, r := range held {
		delete(lockedIDs, r.HoldID)
		lines[r.HoldID] = r.Lines
	}
	for _, op := range ops {
		if row := lockedRow(op, lines[op.ID], lockedKeys, lockedIDs); row != nil {
			op.slow = row
			blocked, rows = append(blocked, op), append(rows, row)
		} else {
			free = append(free, op)
		}
	}
	return free, blocked, rows, nil
}

// lockedRow is the locked row that an operation would wait for, or nil. What is
// marked for later operations is the stock row, or the id when only that is known.
func lockedRow(op *Operation, held []Line, keys map[inventory.Key]bool, ids map[HoldID]bool) any {
	if op.Change != nil {
		if keys[op.Change.Key] {
			return op.Change.Key
		}
		return nil
	}
	if ids[op.ID] {
		return op.ID
	}
	for _, lines := range [][]Line{op.Lines, held} {
		for _, line := range lines {
			if keys[line.Key] {
				return line.Key
			}
		}
	}
	return nil
}
