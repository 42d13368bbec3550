package reservation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"
)

// LedgerOptions sizes the ledger. Zero fields take the defaults.
type LedgerOptions struct {
	Committers   int                 // most transactions in flight at once; default 2. A store with one writer wants 1
	BatchLines   int                 // most lines in one transaction; default 4096
	QueueLines   int                 // most lines waiting; beyond it calls are OVERLOADED; default 65536
	QueueWait    time.Duration       // the longest that a call may have to wait for its transaction, as far as can be told when it comes; default 1 s
	BatchTimeout time.Duration       // one transaction, from BEGIN to COMMIT's reply; default 5 s
	OnHandLimit  int64               // most units a stock row may have; default 1e12
	Random       func(n int64) int64 // a number in [0, n), for jitter and keys; default rand.Int64N
	LogChanges   bool                // write a line at info for each change of a reservation's state; see SetLogChanges
	Logger       *slog.Logger        // default slog.Default()
}

func (o LedgerOptions) withDefaults() LedgerOptions {
	o.Committers = defaultTo(o.Committers, 2)
	o.BatchLines = defaultTo(o.BatchLines, 4096)
	o.QueueLines = defaultTo(o.QueueLines, 65536)
	o.QueueWait = defaultTo(o.QueueWait, time.Second)
	o.BatchTimeout = defaultTo(o.BatchTimeout, 5*time.Second)
	o.OnHandLimit = defaultTo(o.OnHandLimit, 1e12)
	if o.Random == nil {
		o.Random = rand.Int64N
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

func defaultTo[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// maxBatchOps bounds a transaction whose operations have few lines of their own.
const maxBatchOps = 1024

// Ledger is the truth: it turns operations into few, large transactions. Every
// mutating call of the program, the sweeper's and the operator's included, goes
// through it.
//
// A committer takes whatever arrived while the last transaction was in flight, so
// under light load a call waits for nobody, and under heavy load one row lock
// and one fsync serve hundreds of calls. See queue for when a second one helps.
type Ledger struct {
	store   Store
	settler *settler
	teller  *teller
	opts    LedgerOptions
	queue   *queue
	slow    *slowLane
	keys    keyring
	pace    atomic.Int64 // moving average of a transaction's nanoseconds

	onHandLimit atomic.Int64 // most units a stock row may have
}

// NewLedger makes a ledger over a store. What it commits is settled in the gate.
func NewLedger(store Store, gate Gate, opts LedgerOptions) *Ledger {
	opts = opts.withDefaults()
	countFromZero()
	l := &Ledger{
		store:   store,
		settler: newSettler(gate, opts.Logger),
		teller:  newTeller(opts.Logger, opts.LogChanges),
		opts:    opts,
		slow:    newSlowLane(opts.QueueLines/4, batchSizes{opts.BatchLines, maxBatchOps}),
	}
	l.queue = newQueue(opts.QueueLines, opts.Committers, batchSizes{opts.BatchLines, maxBatchOps}, l.drain, l.patience)
	l.pace.Store(int64(2 * time.Millisecond))
	l.onHandLimit.Store(opts.OnHandLimit)
	return l
}

// Run works until ctx ends, then finishes what is queued, settles it in the
// gate and returns. Calls that come later are refused as OVERLOADED.
func (l *Ledger) Run(ctx context.Context) error {
	var committers, settling sync.WaitGroup
	working := context.WithoutCancel(ctx) // what was begun is finished
	start := func(group *sync.WaitGroup, name string, work func(context.Context)) {
		group.Go(func() { pprof.Do(working, pprof.Labels("stockhold", name), work) })
	}
	start(&settling, "settler", l.settler.run)
	start(&settling, "teller", l.teller.run)
	for i := range l.opts.Committers {
		start(&committers, fmt.Sprintf("committer %d", i), l.commitQueue)
	}
	start(&committers, "slow lane", l.commitSlowLane)

	<-ctx.Done()
	l.queue.close()
	l.slow.queue.close()
	committers.Wait()
	l.settler.close()
	l.teller.close()
	settling.Wait()
	return nil
}

// SetLogChanges begins or ends to write a line for each change of state.
func (l *Ledger) SetLogChanges(on bool) { l.teller.on.Store(on) }

// Pace is about how long a transaction takes at the moment.
func (l *Ledger) Pace() time.Duration { return time.Duration(l.pace.Load()) }

// patience is how long a transaction may take before another committer works
// beside it on what has gathered meanwhile: far longer than usual, but never so
// long that a row which stays locked, and makes long transactions usual, keeps
// everybody else waiting.
func (l *Ledger) patience() time.Duration {
	return min(max(4*l.Pace(), 10*time.Millisecond), 50*time.Millisecond)
}

// drain is about how long the committers need for what is queued. Under light
// load transactions are short, and it errs on the side of taking more.
func (l *Ledger) drain(ops, lines int) time.Duration {
	batches := max(float64(ops)/maxBatchOps, float64(lines)/float64(l.opts.BatchLines))
	return time.Duration(batches * float64(l.Pace()) / float64(l.opts.Committers))
}

// Depth is how many lines wait to be written.
func (l *Ledger) Depth() int { return l.queue.depth() + l.slow.queue.depth() }

// mostRetryAfter is half of the longest that a caller is sent away for, so that
// all are back soon after a stall is over.
const mostRetryAfter = 2 * time.Second

// retryAfter spreads callers that were turned away over the time that the
// queue needs to drain.
func (l *Ledger) retryAfter() time.Duration {
	base := min(20*l.Pace()+50*time.Millisecond, mostRetryAfter)
	return base + time.Duration(l.opts.Random(int64(base)))
}

// commitQueue is one committer.
func (l *Ledger) commitQueue(ctx context.Context) {
	for {
		load := l.queue.take()
		if load == nil {
			return
		}
		queueWait.Record(context.Background(), load.waited.Seconds())
		l.run(ctx, l.divert(takeAll(load.ops)), time.Time{})
		l.queue.finished(load)
	}
}

// takeAll keeps the operations whose callers still wait.
func takeAll(ops []*Operation) []*Operation {
	kept := ops[:0]
	for _, op := range ops {
		if op.take() {
			kept = append(kept, op)
		}
	}
	return kept
}

// maxConflicts bounds how often a batch is run again for conflicts. Each of them
// means that another transaction got through.
const maxConflicts = 20

// run takes operations to their answers, whatever happens. doubt is since when
// the outcome of a COMMIT of theirs is unknown, or zero.
func (l *Ledger) run(ctx context.Context, ops []*Operation, doubt time.Time) {
	readAll := !doubt.IsZero()
	for runs, conflicts := 1, 0; len(ops) > 0; runs++ {
		rest, err := l.attempt(ctx, ops, readAll, doubt.IsZero())
		switch {
		case err == nil:
			ops, runs, conflicts, readAll, doubt = rest, 0, 0, false, time.Time{}
		case errors.Is(err, errSeen):
			countRetry("id_appeared") // the operations that met it read it first now
		case errors.Is(err, ErrConflict) && conflicts < maxConflicts:
			countRetry("conflict")
			conflicts++
			readAll = true
			l.pause(conflicts)
		case errors.Is(err, ErrCommitUnknown), !doubt.IsZero() && errors.Is(err, ErrAway):
			countRetry("commit_unknown")
			if doubt.IsZero() {
				doubt = l.doubted(ops, err)
			}
			if time.Since(doubt) > 2*l.opts.BatchTimeout {
				l.fail(ops, unknown(err))
				return
			}
			readAll = true
			l.pause(runs)
		case errors.Is(err, ErrAway), errors.Is(err, ErrConflict):
			countRetry("away")
			l.opts.Logger.Warn("the ledger is away", "operations", len(ops), "error", err)
			l.fail(ops, fmt.Errorf("%w: %w", ErrUnavailable, err))
			return
		case errors.Is(err, ErrLockWait) && !doubt.IsZero(): // the lost COMMIT still holds its locks
			countRetry("commit_unknown")
			if time.Since(doubt) > 2*l.opts.BatchTimeout {
				l.fail(ops, unknown(err))
				return
			}
		case len(ops) > 1 && errors.Is(err, ErrLockWait) && l.setAside(ctx, &ops):
			countRetry("lock_wait") // what is left goes on without those that met the lock
		case len(ops) > 1:
			countRetry("split")
			for _, half := range [][]*Operation{ops[:len(ops)/2], ops[len(ops)/2:]} {
				if doubt.IsZero() {
					half = l.divert(half)
				}
				l.run(ctx, half, doubt)
			}
			return
		case errors.Is(err, ErrLockWait):
			l.slow.mark(l.lockedRows(ctx, ops[0]))
			l.fail(ops, stuck(err))
			return
		default:
			l.opts.Logger.ErrorContext(ops[0].mark.Within(ctx), "an operation failed", "id", ops[0].ID.String(), "error", err)
			l.fail(ops, err)
			return
		}
	}
}

// unknown is the answer of operations whose COMMIT stayed in doubt.
func unknown(err error) error {
	return fmt.Errorf("%w: the outcome of COMMIT is unknown, it may have happened: %w", ErrUnavailable, err)
}

// doubted marks operations that were in a COMMIT without a reply, and says since when.
func (l *Ledger) doubted(ops []*Operation, err error) (since time.Time) {
	for _, op := range ops {
		op.doubted.Store(true)
	}
	l.opts.Logger.Warn("the reply to COMMIT was lost; running the batch again", "operations", len(ops), "error", err)
	return time.Now()
}

// pause lets the other side of a conflict get through; 1 to 50 ms, jittered.
func (l *Ledger) pause(runs int) {
	most := min(time.Duration(runs)*2*time.Millisecond, 50*time.Millisecond)
	time.Sleep(most/2 + time.Duration(l.opts.Random(int64(most/2+1))))
}
