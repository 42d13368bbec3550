package reservation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
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

func newSlowLane(limit int, sizes batchSizes) *slowLane {
	noTime := func(int, int) time.Duration { return 0 }
	alone := func() time.Duration { return time.Hour }
	return &slowLane{queue: newQueue(limit, 1, sizes, noTime, alone), until: map[any]time.Time{}}
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

// divert sends the operations that name a slow row to the slow lane, and returns
// the others. Not for operations whose COMMIT is in doubt: only the run that they
// are in knows of that, and goes on until it knows what became of them. In the slow
// lane one lock wait, perhaps for their own COMMIT, would be their answer.
func (l *Ledger) divert(ops []*Operation) (fast []*Operation) {
	fast, slow := l.slow.split(ops)
	l.slowDown(slow)
	return fast
}

// slowDown hands operations to the slow lane. Those for which it has no room are answered.
func (l *Ledger) slowDown(ops []*Operation) {
	for _, op := range ops {
		op.phase.Store(queued)
		if l.slow.queue.put([]*Operation{op}, 0) != "" && op.take() {
			l.end(op, Answer{Err: fmt.Errorf("%w: too many calls wait for a locked row", ErrUnavailable)})
		}
	}
}

// commitSlowLane is the committer of the slow lane. Operations that share a slow
// row share a transaction, and its fate: one time-out answers them all.
func (l *Ledger) commitSlowLane(ctx context.Context) {
	for {
		load := l.slow.queue.take()
		if load == nil {
			return
		}
		for ops := load.ops; len(ops) > 0; {
			var group []*Operation
			group, ops = l.slow.group(ops)
			if group = takeAll(group); len(group) > 0 {
				l.runSlow(ctx, group)
			}
		}
		l.slow.queue.finished(load)
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
		countRetry("commit_unknown")
		l.run(ctx, ops, l.doubted(ops, err))
	default:
		l.run(ctx, ops, time.Time{})
	}
}

// stuck is the answer of an operation on a row that stays locked. Nothing was
// done for it, and the same call may be repeated.
func stuck(err error) error {
	return fmt.Errorf("%w: a row stays locked by another transaction: %w", ErrUnavailable, err)
}
