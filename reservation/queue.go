package reservation

import (
	"sync"
	"time"
)

// queue holds operations until a committer takes them, in arrival order. It is
// bounded in lines and in time: what does not fit, or would wait longer than it
// may, is refused at once rather than late.
type queue struct {
	drain  func(ops, lines int) time.Duration // about how long so much takes to be written
	mu     sync.Mutex
	filled *sync.Cond
	ops    []*Operation
	since  []time.Time // when each was put
	lines  int
	limit  int
	closed bool
}

func newQueue(limit int, drain func(ops, lines int) time.Duration) *queue {
	q := &queue{limit: limit, drain: drain}
	q.filled = sync.NewCond(&q.mu)
	return q
}

// put appends the operations together, or none of them and says why. within is
// how long they may wait. An empty queue takes any call, so that no limit makes
// a large call impossible.
func (q *queue) put(ops []*Operation, within time.Duration) (refused string) {
	lines := 0
	for _, op := range ops {
		lines += op.weight()
	}
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return "the ledger is closing"
	case q.lines > 0 && q.lines+lines > q.limit:
		return "the queue is full"
	case q.lines > 0 && q.drain(len(q.ops), q.lines) > within:
		return "the queue is too long for the time there is"
	}
	q.ops = append(q.ops, ops...)
	for range ops {
		q.since = append(q.since, now)
	}
	q.lines += lines
	q.filled.Signal()
	return ""
}

// take waits for operations and takes what is there, up to so many lines and
// operations (but always one). It returns nil once the queue is closed and empty.
func (q *queue) take(mostLines, mostOps int) (ops []*Operation, waited time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ops) == 0 {
		if q.closed {
			return nil, 0
		}
		q.filled.Wait()
	}
	n, lines := 0, 0
	for n < len(q.ops) && n < mostOps {
		w := q.ops[n].weight()
		if n > 0 && lines+w > mostLines {
			break
		}
		lines += w
		n++
	}
	ops = append(ops, q.ops[:n]...)
	waited = time.Since(q.since[0])
	clear(q.ops[:n])
	q.ops, q.since, q.lines = q.ops[n:], q.since[n:], q.lines-lines
	if len(q.ops) > 0 {
		q.filled.Signal()
	}
	return ops, waited
}

// close lets the committers finish what is queued and refuses the rest.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.filled.Broadcast()
}

// depth is how many lines wait.
func (q *queue) depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lines
}
