package reservation

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"stockhold/internal/tracing"
)

// passage is a change of state that is committed.
type passage struct {
	id       HoldID
	from, to State
	by       Resolver
	mark     *tracing.Mark // of the call that made it
}

// teller writes one line of the log for each change of state, at info. It does so
// in the background: a log that is slow, or that nobody reads, must not stop the
// committers. What it cannot keep up with is counted, and left out.
//
// A change whose COMMIT got no reply, and which turned out to have happened, has
// no line: the batch that ran again found it done.
type teller struct {
	log *slog.Logger
	on  atomic.Bool

	mu     sync.Mutex
	wake   *sync.Cond
	told   []telling
	waits  int // passages in told
	closed bool
}

// telling is what one batch has to tell.
type telling struct {
	at       time.Time // by the process's clock, like every line of its log
	passages []passage
}

// mostWaiting is how many lines may wait to be written: some seconds of them.
const mostWaiting = 64 << 10

func newTeller(log *slog.Logger, on bool) *teller {
	t := &teller{log: log}
	t.wake = sync.NewCond(&t.mu)
	t.on.Store(on)
	return t
}

// wanted reports whether anybody is to hear of changes.
func (t *teller) wanted() bool {
	return t.on.Load() && t.log.Enabled(context.Background(), slog.LevelInfo)
}

func (t *teller) add(passages []passage) {
	if len(passages) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waits+len(passages) > mostWaiting {
		linesDropped.Add(context.Background(), int64(len(passages)))
		return
	}
	t.told = append(t.told, telling{time.Now(), passages})
	t.waits += len(passages)
	t.wake.Signal()
}

// run writes until close, and what is left then.
func (t *teller) run(ctx context.Context) {
	for {
		told := t.next()
		if told == nil {
			return
		}
		together(t.log.Handler(), func() {
			for _, batch := range told {
				for _, p := range batch.passages {
					t.tell(ctx, batch.at, p)
				}
			}
		})
	}
}

// tell goes to the handler itself: a logger would look up who calls it, for more
// than the rest of the line costs.
func (t *teller) tell(ctx context.Context, at time.Time, p passage) {
	line := slog.NewRecord(at, slog.LevelInfo, "reservation changed", 0)
	line.AddAttrs(slog.String("owner", p.id.Owner), slog.String("id", p.id.ID),
		slog.String("from", p.from.String()), slog.String("to", p.to.String()), slog.String("by", p.by.String()))
	_ = t.log.Handler().Handle(p.mark.Within(ctx), line) // as with any line of a log, there is nobody to tell
}

// together lets the lines that write logs leave in one piece, where the handler can.
func together(handler slog.Handler, write func()) {
	if h, ok := handler.(interface{ Together(write func()) }); ok {
		h.Together(write)
		return
	}
	write()
}

// next waits for something to tell; nothing comes back once closed and empty.
func (t *teller) next() []telling {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.told) == 0 {
		if t.closed {
			return nil
		}
		t.wake.Wait()
	}
	told := t.told
	t.told, t.waits = nil, 0
	return told
}

func (t *teller) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.wake.Signal()
}
