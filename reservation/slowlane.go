package reservation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"stockhold/inventory"
)

// slowFor is how long operations on a row that timed out are kept apart, unless
// the row answers before.
const slowFor = 5 * time.Second

// slowLane keeps a row that somebody else holds locked from stopping the rest.
// When a batch times out on a lock, the operations that touch locked rows are
// set aside here, and later ones on the same rows follow them, into a lane with
// a committer of its own. Being here changes nothing but who waits for whom.
type slowLane struct {
	queue *queue
	mu    sync.Mutex
	until map[any]time.Time // by inventory.Key or HoldID
}

func newSlowLane(limit int) *slowLane {
	return &slowLane{queue: newQueue(limit), until: map[any]time.Time{}}
}

// mark notes rows that are locked.
func (s *slowLane) mark(rows []any) {
	until := time.Now().Add(slowFor)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, row := range rows {
		s.until[row] = until
	}
}

// renew keeps the slow rows of operations that timed out again.
func (s *slowLane) renew(ops []*Operation) {
	until := time.Now().Add(slowFor)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, op := range ops {
		if row := s.slowRow(op); row != nil {
			s.until[row] = until
		}
	}
}

// clear forgets rows that have answered.
func (s *slowLane) clear(ops []*Operation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, op := range ops {
		for _, row := range rowsOf(op) {
			delete(s.until, row)
		}
	}
}

// split tells the operations on slow rows from the others.
func (s *slowLane) split(ops []*Operation) (fast, slow []*Operation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.until) == 0 {
		return ops, nil
	}
	now := time.Now()
	for row, until := range s.until {
		if until.Before(now) {
			delete(s.until, row)
		}
	}
	for _, op := range ops {
		if s.slowRow(op) == nil {
			fast = append(fast, op)
		} else {
			slow = append(slow, op)
		}
	}
	return fast, slow
}

// splitHeld does so for operations whose rows only the locked reservations tell.
func (s *slowLane) splitHeld(ops []*Operation, held []*Reservation) (fast, slow []*Operation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.until) == 0 || len(held) == 0 {
		return ops, nil
	}
	rows := make(map[HoldID]any, len(held))
	for _, r := range held {
		for _, line := range r.Lines {
			if _, ok := s.until[line.Key]; ok {
				rows[r.HoldID] = line.Key
			}
		}
	}
	for _, op := range ops {
		if row := rows[op.ID]; row != nil && op.Change == nil {
			op.slow = row
			slow = append(slow, op)
		} else {
			fast = append(fast, op)
		}
	}
	return fast, slow
}

// slowRow is the first slow row that an operation touches, or nil.
func (s *slowLane) slowRow(op *Operation) any {
	for _, row := range rowsOf(op) {
		if _, ok := s.until[row]; ok {
			return row
		}
	}
	return nil
}

// group takes the operations off the list that share the first one's slow row.
func (s *slowLane) group(ops []*Operation) (group, rest []*Operation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row := s.slowRow(ops[0])
	for i, op := range ops {
		if i == 0 || s.slowRow(op) == row {
			group = append(group, op)
		} else {
			rest = append(rest, op)
		}
	}
	return group, rest
}

// rowsOf names the rows an operation is known to touch before anything is read.
func rowsOf(op *Operation) []any {
	if op.Change != nil {
		return []any{op.Change.Key}
	}
	rows := make([]any, 0, 2+len(op.Lines))
	rows = append(rows, op.ID)
	if op.slow != nil {
		rows = append(rows, op.slow)
	}
	for _, line := range op.Lines {
		rows = append(rows, line.Key)
	}
	return rows
}

// slowDown hands operations to the slow lane. Those for which it has no room are answered.
func (l *Ledger) slowDown(ops []*Operation) {
	for _, op := range ops {
		op.phase.Store(queued)
		if !l.slow.queue.put([]*Operation{op}) && op.take() {
			l.end(op, Answer{Err: fmt.Errorf("%w: too many calls wait for a locked row", ErrUnavailable)})
		}
	}
}

// commitSlowLane is the committer of the slow lane. Operations that share a slow
// row share a transaction, and its fate: one time-out answers them all.
func (l *Ledger) commitSlowLane(ctx context.Context) {
	for {
		ops, _ := l.slow.queue.take(l.opts.BatchLines, maxBatchOps)
		if ops == nil {
			return
		}
		for len(ops) > 0 {
			var group []*Operation
			group, ops = l.slow.group(ops)
			if group = takeAll(group); len(group) > 0 {
				l.runSlow(ctx, group)
			}
		}
	}
}

func (l *Ledger) runSlow(ctx context.Context, ops []*Operation) {
	rest, err := l.attempt(ctx, ops, true, false)
	switch {
	case err == nil:
		l.slow.clear(ops)
		l.run(ctx, rest, time.Time{})
	case errors.Is(err, ErrLockWait):
		l.slow.renew(ops)
		l.fail(ops, stuck(err))
	case errors.Is(err, ErrCommitUnknown):
		doubted(ops)
		l.run(ctx, ops, time.Now())
	default:
		l.run(ctx, ops, time.Time{})
	}
}

// stuck is the answer of an operation on a row that stays locked. Nothing was
// done for it, and the same call may be repeated.
func stuck(err error) error {
	return fmt.Errorf("%w: a row stays locked by another transaction: %w", ErrUnavailable, err)
}

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
