package reservation

import (
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"stockhold/inventory"
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
//
// Where more waits than one transaction carries, committers divide the stock rows
// among them: each takes operations of a shard of its own, by a hash of the row.
// Otherwise transactions that are under way at once would want the same rows, and
// follow each other however many there are. Operations that name one row are taken
// in the order in which they came. Those that name none, or several, go with whoever
// takes next, and may overtake others: their rows may be anybody's.
type queue struct {
	sizes    batchSizes
	shards   int                                // committers that divide the stock rows; 1: nobody does
	limit    int                                // lines
	drain    func(ops, lines int) time.Duration // about how long so much takes to be written
	patience func() time.Duration               // how long a transaction may take before another committer helps
	hash     func(inventory.Key) uint64

	mu      sync.Mutex
	filled  *sync.Cond
	ops     []waiting
	sharded []int // how many of them are of each shard
	lines   int
	work    []*load     // taken and not finished
	late    bool        // what is under way takes longer than patience
	alarm   *time.Timer // sets late; nil before its first use
	armed   bool        // the alarm is set
	closed  bool
}

// waiting is an operation in the queue.
type waiting struct {
	op    *Operation
	shard int
	since time.Time
}

// load is what a committer took.
type load struct {
	ops    []*Operation
	shard  int
	taken  time.Time
	waited time.Duration // the first of them, in the queue
}

// anyShard is the shard of operations that belong to none, and of a load of whatever came.
const anyShard = -1

// batchSizes are the most that one transaction carries.
type batchSizes struct{ lines, ops int }

func newQueue(limit, committers int, sizes batchSizes, drain func(ops, lines int) time.Duration, patience func() time.Duration) *queue {
	seed := maphash.MakeSeed()
	hash := func(k inventory.Key) uint64 { return maphash.Comparable(seed, k) }
	q := &queue{sizes: sizes, shards: committers, limit: limit, drain: drain, patience: patience,
		hash: hash, sharded: make([]int, committers)}
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
	for _, op := range ops {
		w := waiting{op, q.shardOf(op), now}
		q.ops = append(q.ops, w)
		q.count(w, 1)
	}
	if q.ready() {
		q.filled.Signal()
	} else if first {
		q.watch()
	}
	return ""
}

// shardOf is the shard of the one stock row that an operation names.
func (q *queue) shardOf(op *Operation) int {
	switch {
	case q.shards < 2:
		return anyShard
	case op.Change != nil:
		return int(q.hash(op.Change.Key) % uint64(q.shards))
	case len(op.Lines) == 1:
		return int(q.hash(op.Lines[0].Key) % uint64(q.shards))
	}
	return anyShard
}

// count keeps the figures of what waits.
func (q *queue) count(w waiting, n int) {
	q.lines += n * w.op.weight()
	if w.shard != anyShard {
		q.sharded[w.shard] += n
	}
}

// ready says that a committer that is free is to take what is there.
func (q *queue) ready() bool {
	switch {
	case len(q.ops) == 0:
		return false
	case len(q.work) == 0 || q.late || q.closed:
		return true
	default:
		return q.lines >= q.sizes.lines || len(q.ops) >= q.sizes.ops || q.next() != anyShard
	}
}

// next is the shard that a committer is to take now, or anyShard if it is to take
// what came first. Shards are for when there is more than one transaction carries,
// or when a shard is under way and the rest need not wait for it, and only where
// a fair share of a transaction has gathered: few operations are not worth one.
func (q *queue) next() int {
	if q.shards < 2 || q.late || q.closed {
		return anyShard
	}
	divided := slices.ContainsFunc(q.work, func(l *load) bool { return l.shard != anyShard })
	if !divided && q.lines <= q.sizes.lines && len(q.ops) <= q.sizes.ops {
		return anyShard
	}
	best, most := anyShard, q.share()-1
	for shard, n := range q.sharded {
		if n > most && !q.busy(shard) {
			best, most = shard, n
		}
	}
	return best
}

// share is a committer's fair share of one transaction.
func (q *queue) share() int { return max(min(q.sizes.ops, q.sizes.lines)/q.shards, 1) }

// busy says that a committer is at work on a shard. One that takes too long does
// not keep others from it: the row that it waits for may be none of theirs.
func (q *queue) busy(shard int) bool {
	return slices.ContainsFunc(q.work, func(l *load) bool {
		return l.shard == shard && time.Since(l.taken) <= q.patience()
	})
}

// watch calls for help if nobody takes what is there within the patience.
func (q *queue) watch() {
	q.armed = true
	if q.alarm == nil {
		q.alarm = time.AfterFunc(q.patience(), q.callForHelp)
	} else {
		q.alarm.Reset(q.patience())
	}
}

func (q *queue) callForHelp() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.late, q.armed = true, false
	q.filled.Signal()
}

// take waits for operations and takes what is there, or its shard of it, as much
// as one transaction carries (but always one). It returns nil once the queue is
// closed and empty. Whoever took something says so when it is finished.
func (q *queue) take() *load {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.ready() {
		if q.closed {
			return nil
		}
		if len(q.ops) > 0 && !q.armed { // another's end can make what waits less than enough
			q.watch()
		}
		q.filled.Wait()
	}
	l := q.cut(q.next())
	q.work = append(q.work, l)
	q.late = false
	switch {
	case q.ready():
		q.filled.Signal()
	case len(q.ops) > 0:
		q.watch()
	case q.alarm != nil:
		q.alarm.Stop()
		q.armed = false
	}
	return l
}

// cut takes operations off the queue, in order. Where a shard is given it leaves
// those of others that somebody is at work on, or that are worth a load of their
// own: a few that nobody would come for go along.
func (q *queue) cut(shard int) *load {
	l := &load{shard: shard, taken: time.Now()}
	leave := make([]bool, q.shards)
	for other, n := range q.sharded {
		leave[other] = shard != anyShard && other != shard && (n >= q.share() || q.busy(other))
	}
	looked, lines := 0, 0
	var left []waiting
	for ; looked < len(q.ops) && len(l.ops) < q.sizes.ops; looked++ {
		w := q.ops[looked]
		if w.shard != anyShard && leave[w.shard] {
			left = append(left, w)
			continue
		}
		if len(l.ops) == 0 {
			l.waited = l.taken.Sub(w.since)
		} else if lines+w.op.weight() > q.sizes.lines {
			break
		}
		lines += w.op.weight()
		l.ops = append(l.ops, w.op)
		q.count(w, -1)
	}
	copy(q.ops[looked-len(left):], left)
	clear(q.ops[:looked-len(left)])
	q.ops = q.ops[looked-len(left):]
	return l
}

// finished is for a committer that is done with what it took, and takes again.
func (q *queue) finished(l *load) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.work = slices.DeleteFunc(q.work, func(other *load) bool { return other == l })
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
