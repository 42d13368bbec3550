package reservation

import (
	"sync"
	"time"
)

// slowFor is how long operations on a row that timed out are kept apart.
const slowFor = 5 * time.Second

// slowLane keeps a row that somebody else holds locked from stopping the rest.
// The batch that met it found out which operation it was by halving; later
// operations on the same reservation or stock row wait here, in a lane with a
// committer of its own, until the row has answered or some seconds have passed.
// Being here changes nothing but who waits.
type slowLane struct {
	queue *queue
	mu    sync.Mutex
	until map[any]time.Time // inventory.Key or HoldID
}

func newSlowLane(limit int) *slowLane {
	return &slowLane{queue: newQueue(limit), until: map[any]time.Time{}}
}

// mark notes the rows of an operation that timed out alone.
func (s *slowLane) mark(op *Operation) {
	until := time.Now().Add(slowFor)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, row := range rowsOf(op) {
		s.until[row] = until
	}
}

// divert splits off the operations on slow rows and queues them here. It
// returns those for which there was no room, too.
func (s *slowLane) divert(ops []*Operation) (fast, refused []*Operation) {
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
		if !s.slow(op) {
			fast = append(fast, op)
			continue
		}
		op.phase.Store(queued)
		if !s.queue.put([]*Operation{op}) && op.take() {
			refused = append(refused, op)
		}
	}
	return fast, refused
}

func (s *slowLane) slow(op *Operation) bool {
	for _, row := range rowsOf(op) {
		if _, ok := s.until[row]; ok {
			return true
		}
	}
	return false
}

// rowsOf names the rows an operation is known to touch before anything is read.
func rowsOf(op *Operation) []any {
	if op.Change != nil {
		return []any{op.Change.Key}
	}
	rows := make([]any, 0, 1+len(op.Lines))
	rows = append(rows, op.ID)
	for _, line := range op.Lines {
		rows = append(rows, line.Key)
	}
	return rows
}

// commitSlowLane is the committer of the slow lane: one operation a transaction,
// so that one locked row costs one time-out and delays only its own.
func (l *Ledger) commitSlowLane() {
	for {
		ops, _ := l.slow.queue.take(1, 1)
		if ops == nil {
			return
		}
		l.run(takeAll(ops), time.Time{})
	}
}
