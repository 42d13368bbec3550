package reservation

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"stockhold/internal/crashpoint"
	"stockhold/internal/tracing"
	"stockhold/inventory"
)

// Gate is what the ledger and the service need of package inventory's gate. All
// of it may fail at any time: it is disposable.
type Gate interface {
	Freeze(ctx context.Context, holds []inventory.Hold) []inventory.Freeze
	Settle(ctx context.Context, views []inventory.View, holds []HoldID) error
}

// settleTimeout bounds one settlement; the gate has shorter limits of its own.
const settleTimeout = 2 * time.Second

// settler tells the gate what the ledger committed, in the background: what
// arrives while one settlement is in flight goes with the next. When the gate
// does not take one, it is dropped: views are absolute, so the next repairs
// them, and the sweeper reaps holds that stay pending.
type settler struct {
	gate   Gate
	log    *slog.Logger
	mu     sync.Mutex
	wake   *sync.Cond
	views  map[inventory.Key]inventory.View
	holds  map[HoldID]struct{}
	links  *tracing.Links // the transactions that it is about to tell of; nil where none is traced
	closed bool
}

func newSettler(gate Gate, log *slog.Logger) *settler {
	s := &settler{gate: gate, log: log, views: map[inventory.Key]inventory.View{}, holds: map[HoldID]struct{}{}}
	s.wake = sync.NewCond(&s.mu)
	return s
}

// add notes views and holds; of several views of a row the newest is kept.
func (s *settler) add(views []inventory.View, holds []HoldID) {
	if len(views)+len(holds) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range views {
		if known, ok := s.views[v.Key]; !ok || v.Version > known.Version {
			s.views[v.Key] = v
		}
	}
	for _, h := range holds {
		s.holds[h] = struct{}{}
	}
	s.wake.Signal()
}

// link notes which transaction the next views and holds come from.
func (s *settler) link(ctx context.Context) {
	if mark := tracing.MarkOf(ctx); mark != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.links == nil {
			s.links = &tracing.Links{}
		}
		s.links.Add(mark)
	}
}

// run settles until close, and what is left then.
func (s *settler) run(ctx context.Context) {
	for {
		views, holds, links := s.next()
		if views == nil && holds == nil {
			return
		}
		within, cancel := context.WithTimeout(ctx, settleTimeout)
		if links != nil {
			within = links.Within(within)
		}
		err := s.gate.Settle(within, views, holds)
		cancel()
		if err != nil {
			settleFailed.Add(context.Background(), 1)
			s.log.Debug("the gate did not take a settlement", "views", len(views), "holds", len(holds), "error", err)
			continue
		}
		crashpoint.Reach("settled")
	}
}

// next waits for something to settle; nothing comes back once closed and empty.
func (s *settler) next() ([]inventory.View, []HoldID, *tracing.Links) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.views)+len(s.holds) == 0 {
		if s.closed {
			return nil, nil, nil
		}
		s.wake.Wait()
	}
	views := make([]inventory.View, 0, len(s.views))
	for _, v := range s.views {
		views = append(views, v)
	}
	holds := make([]HoldID, 0, len(s.holds))
	for h := range s.holds {
		holds = append(holds, h)
	}
	clear(s.views)
	clear(s.holds)
	links := s.links
	s.links = nil
	return views, holds, links
}

func (s *settler) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.wake.Signal()
}
