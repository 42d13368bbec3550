package reservation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/pprof"
	"sync"
	"time"

	"stockhold/inventory"
)

// reader looks things up in the ledger without locks, for the gate: views of
// rows that are not loaded, and the truth behind every refusal. Lookups that
// arrive while one read is in flight share the next, so a retry storm on a
// sold-out sku costs two statements per round trip and not two per call. A read
// always begins after the lookups that it answers.
type reader struct {
	store    Store
	waiting  chan *lookup
	parallel int
}

// lookup asks for stock rows and, read after them, whether ids are known. That
// order matters: read the other way round, a call's own first attempt that
// commits in between takes the stock and hides its id, and a repeat would be
// refused.
type lookup struct {
	keys []inventory.Key
	ids  []HoldID

	stocks map[inventory.Key]inventory.Stock
	known  map[HoldID]bool
	err    error
	done   chan struct{}
}

const (
	lookupQueue = 8192 // lookups; beyond it callers wait within their deadlines
	lookupLines = 4096 // most stock rows in one read

	lookupTimeout = 5 * time.Second
)

func newReader(store Store, parallel int) *reader {
	return &reader{store: store, waiting: make(chan *lookup, lookupQueue), parallel: parallel}
}

// run answers lookups until ctx ends. Those still waiting then fail with their
// callers' own contexts.
func (r *reader) run(ctx context.Context) {
	var group sync.WaitGroup
	for i := range r.parallel {
		group.Go(func() { pprof.Do(ctx, pprof.Labels("stockhold", fmt.Sprintf("reader %d", i)), r.work) })
	}
	group.Wait()
}

func (r *reader) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-r.waiting:
			r.read(ctx, r.gather(first))
		}
	}
}

// gather takes what else is waiting, up to what one read should carry.
func (r *reader) gather(first *lookup) []*lookup {
	lookups, lines := []*lookup{first}, len(first.keys)
	for lines < lookupLines {
		select {
		case next := <-r.waiting:
			lookups = append(lookups, next)
			lines += len(next.keys)
		default:
			return lookups
		}
	}
	return lookups
}

func (r *reader) read(ctx context.Context, lookups []*lookup) {
	var keys []inventory.Key
	var ids []HoldID
	for _, l := range lookups {
		keys = append(keys, l.keys...)
		ids = append(ids, l.ids...)
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	stocks, known, err := r.fetch(ctx, inventory.SortKeys(keys), inventory.SortHolds(ids))
	for _, l := range lookups {
		l.stocks, l.known, l.err = stocks, known, err
		close(l.done)
	}
}

func (r *reader) fetch(ctx context.Context, keys []inventory.Key, ids []HoldID) (map[inventory.Key]inventory.Stock, map[HoldID]bool, error) {
	stocks := make(map[inventory.Key]inventory.Stock, len(keys))
	rows, err := r.store.Stocks(ctx, keys)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range rows {
		stocks[s.Key] = s
	}
	if len(ids) == 0 {
		return stocks, nil, nil
	}
	known := make(map[HoldID]bool)
	found, err := r.store.Known(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range found {
		known[id] = true
	}
	return stocks, known, nil
}

// look asks and waits, within the caller's deadline.
func (r *reader) look(ctx context.Context, keys []inventory.Key, ids []HoldID) (*lookup, error) {
	l := &lookup{keys: keys, ids: ids, done: make(chan struct{})}
	select {
	case r.waiting <- l:
	case <-ctx.Done():
		return nil, overloaded(noTimeToLook, lookAgainIn())
	}
	select {
	case <-l.done:
		if l.err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, l.err)
		}
		return l, nil
	case <-ctx.Done():
		return nil, overloaded(noTimeToLook, lookAgainIn())
	}
}

// lookAgainIn is when to come back if there was no time for a lookup.
func lookAgainIn() time.Duration { return 100*time.Millisecond + rand.N(200*time.Millisecond) }
