package reservation

import (
	"sync"
	"time"
)

// queue holds operations until a committer takes them, in arrival order. It is
// bounded in lines and in time: what does not fit, or would wait longer than it
// may, is refused at once rather than late.
//
// While one committer is at work, what arrives gathers for its next transaction,
// since few large ones cost less than many small ones and are answered as soon.
// Another one helps only where that cannot be enough: when a whole batch has
// gathered, or when the transaction under way takes far longer than usual (a
// locked row, a stall).
type queue struct {
	sizes    batchSizes
	limit    int                                // lines
	drain    func(ops, lines int) time.Duration // about how long so much takes to be written
	patience func() time.Duration               // how long a transaction may take before another committer helps

	mu      sync.Mutex
	filled  *sync.Cond
	ops     []*Operation
	since   []time.Time // when each was put
	lines   int
	working int         // committers that have taken and not finished
	late    bool        // what is under way takes longer than patience
	alarm   *time.Timer // sets late; nil before its first use
	closed  bool
}

// batchSizes are the most that one transaction carries.
type batchSizes struct{ lines, ops int }

func newQueue(limit int, sizes batchSizes, drain func(ops, lines int) time.Duration, patience func() time.Duration) *queue {
	q := &queue{sizes: sizes, limit: limit, drain: drain, patience: patience}
	q.filled = sync.NewCond(&q.mu)
	return q
}

// put appends the operations together, or none of them and says why. within is
// how long they may wait. An empty queue takes any call, so that no limit makes
// a large call impossible.
func (q *queue) put(ops []*Operation, within time.Duration) (refused overload) {
	lines := 0
	for _, op := range ops {
		lines += op.weight()
	}
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return queueClosed
	case q.lines > 0 && q.lines+lines > q.limit:
		return queueFull
	case q.lines > 0 && q.drain(len(q.ops), q.lines) > within:
		return queueSlow
	}
	first := len(q.ops) == 0
	q.ops = append(q.ops, ops...)
	for range ops {
		q.since = append(q.since, now)
	}
	q.lines += lines
	if q.ready() {
		q.filled.Signal()
	} else if first {
		q.watch()
	}
	return ""
}

// ready says that a committer that is free is to take what is there.
func (q *queue) ready() bool {
	switch {
	case len(q.ops) == 0:
		return false
	case q.working == 0 || q.late || q.closed:
		return true
	default:
		return q.lines >= q.sizes.lines || len(q.ops) >= q.sizes.ops
	}
}

// watch calls for help if nobody takes what is there within the patience.
func (q *queue) watch() {
	if q.alarm == nil {
		q.alarm = time.AfterFunc(q.patience(), q.callForHelp)
	} else {
		q.alarm.Reset(q.patience())
	}
}

func (q *queue) callForHelp() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.late = true
	q.filled.Signal()
}

// take waits for operations and takes what is there, as much as one transaction
// carries (but always one). It returns nil once the queue is closed and empty.
// Whoever took something says so when it is finished.
func (q *queue) take() (ops []*Operation, waited time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.ready() {
		if q.closed {
			return nil, 0
		}
		q.filled.Wait()
	}
	n, lines := 0, 0
	for n < len(q.ops) && n < q.sizes.ops {
		w := q.ops[n].weight()
		if n > 0 && lines+w > q.sizes.lines {
			break
		}
		lines += w
		n++
	}
	ops = append(ops, q.ops[:n]...)
	waited = time.Since(q.since[0])
	clear(q.ops[:n])
	q.ops, q.since, q.lines = q.ops[n:], q.since[n:], q.lines-lines
	q.working++
	q.late = false
	switch {
	case q.ready():
		q.filled.Signal()
	case len(q.ops) > 0:
		q.watch()
	case q.alarm != nil:
		q.alarm.Stop()
	}
	return ops, waited
}

// finished is for a committer that is done with what it took, and takes again.
func (q *queue) finished() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.working--
}

// close lets the committers finish what is queued and refuses the rest.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	if q.alarm != nil {
		q.alarm.Stop()
	}
	q.filled.Broadcast()
}

// depth is how many lines wait.
func (q *queue) depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lines
}
