package reservation_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/store"
	"stockhold/inventory"
	"stockhold/reservation"
)

// saying is a gate that answers from a script, and then lets everything through.
type saying struct {
	openGate
	mu      sync.Mutex
	answers []inventory.Outcome
	asked   int
}

func (g *saying) Freeze(_ context.Context, holds []inventory.Hold) []inventory.Freeze {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]inventory.Freeze, len(holds))
	for i, h := range holds {
		if len(g.answers) > 0 {
			out[i].Outcome = g.answers[0]
			g.answers = g.answers[1:]
		}
		if out[i].Outcome == inventory.NotLoaded || out[i].Outcome == inventory.Insufficient {
			for j := range h.Lines {
				out[i].Lines = append(out[i].Lines, j)
			}
		}
		g.asked++
	}
	return out
}

func (g *saying) say(outcomes ...inventory.Outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answers, g.asked = outcomes, 0
}

// withGate starts a service over a store of its own and a scripted gate.
func withGate(t *testing.T) (*shop, *saying) {
	t.Helper()
	opened, err := store.OpenSQLite(filepath.Join(t.TempDir(), "ledger.db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, opened.Close()) })
	_, err = opened.Migrate(t.Context())
	require.NoError(t, err)
	gate := &saying{}
	h := &hooked{Store: opened}
	service := reservation.New(h, gate, reservation.Options{HasDecider: func(owner string) bool { return owner == "asks" }})
	run(t, service)
	return &shop{service, h, &gate.openGate}, gate
}

// Whatever the gate says, stock that the ledger has is not refused, and a
// refusal carries the ledger's figures.
func TestTheGateAloneNeverRefuses(t *testing.T) {
	no, unloaded, away := inventory.Insufficient, inventory.NotLoaded, inventory.Away
	for name, outcomes := range map[string][]inventory.Outcome{
		"short once":              {no},
		"short twice":             {no, no},
		"not loaded":              {unloaded},
		"not loaded twice":        {unloaded, unloaded},
		"not loaded, then short":  {unloaded, no, no},
		"short, then forgotten":   {no, unloaded},
		"short, then away":        {no, away},
		"away":                    {away},
		"duplicate of nothing":    {inventory.Duplicate},
		"not loaded, short, away": {unloaded, no, away},
		"not loaded, then away":   {unloaded, away},
	} {
		t.Run(name, func(t *testing.T) {
			s, gate := withGate(t)
			s.set(t, "A", 5)
			gate.say(outcomes...)
			answer := s.try(t, "fits", line("A", 5))
			require.NoError(t, answer.Err)
			require.False(t, answer.Replayed)

			gate.say(outcomes...)
			refusal := requireReason(t, reservation.InsufficientStock, s.try(t, "does-not-fit", line("A", 2)).Err)
			require.Equal(t, []inventory.Shortage{{Key: key("A"), Requested: 2, Available: 0}}, refusal.Shortages)

			gate.say(outcomes...)
			again := s.try(t, "fits", line("A", 5))
			require.NoError(t, again.Err)
			require.True(t, again.Replayed, "a known id is never refused for stock")

			gate.say(outcomes...)
			refusal = requireReason(t, reservation.UnknownSKU, s.try(t, "unknown", line("A", 1), line("B", 3)).Err)
			require.Equal(t, []inventory.Shortage{{Key: key("B"), Requested: 3}}, refusal.Shortages)

			require.NoError(t, s.do(t, reservation.Cancel, "fits").Err)
			gate.say(outcomes...)
			requireReason(t, reservation.WasCanceled, s.try(t, "fits", line("A", 5)).Err)
		})
	}
}

// The stock rows are read before the id. Read the other way round, a call's own
// first attempt that commits between the two takes the stock and hides its id,
// and the repeat would be refused.
func TestStockIsReadBeforeTheID(t *testing.T) {
	s, gate := withGate(t)
	s.set(t, "A", 1)
	var once sync.Once
	between := &reads{Store: s.store, between: func() {
		once.Do(func() { require.NoError(t, s.try(t, "mine", line("A", 1)).Err) })
	}}
	other := reservation.New(between, gate, reservation.Options{})
	run(t, other)
	gate.say(inventory.Insufficient)
	answer := other.Try(t.Context(), []reservation.TryRequest{{ID: id("mine"), Lines: []inventory.Line{line("A", 1)}}})[0]
	require.NoError(t, answer.Err)
	require.True(t, answer.Replayed)
}

// reads lets something happen between the two reads of a lookup.
type reads struct {
	reservation.Store
	between func()
	count   atomic.Int64
}

func (r *reads) Stocks(ctx context.Context, keys []inventory.Key) ([]inventory.Stock, error) {
	rows, err := r.Store.Stocks(ctx, keys)
	r.meanwhile()
	return rows, err
}

func (r *reads) Known(ctx context.Context, ids []inventory.HoldID) ([]inventory.HoldID, error) {
	found, err := r.Store.Known(ctx, ids)
	r.meanwhile()
	return found, err
}

func (r *reads) meanwhile() {
	if r.count.Add(1) == 1 && r.between != nil {
		r.between()
	}
}

// A retry storm on a sold-out sku shares its reads.
func TestRefusalsShareTheirReads(t *testing.T) {
	s, gate := withGate(t)
	s.set(t, "A", 1)
	require.NoError(t, s.try(t, "last", line("A", 1)).Err)
	const n = 200
	slow := &slowReads{Store: s.store, begin: make(chan struct{})}
	storm := reservation.New(slow, &door{Gate: gate, most: n, full: slow.begin}, reservation.Options{})
	run(t, storm)
	outcomes := make([]inventory.Outcome, n)
	for i := range outcomes {
		outcomes[i] = inventory.Insufficient
	}
	gate.say(outcomes...)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			answer := storm.Try(t.Context(), []reservation.TryRequest{{ID: id(fmt.Sprint(i)), Lines: []inventory.Line{line("A", 1)}}})[0]
			requireReason(t, reservation.InsufficientStock, answer.Err)
		})
	}
	wg.Wait()
	require.Less(t, slow.reads.Load(), int64(n/4))
}

// door closes a channel when so many calls have been at the gate.
type door struct {
	reservation.Gate
	most   int64
	passed atomic.Int64
	full   chan struct{}
}

func (d *door) Freeze(ctx context.Context, holds []inventory.Hold) []inventory.Freeze {
	out := d.Gate.Freeze(ctx, holds)
	if d.passed.Add(1) == d.most {
		close(d.full)
	}
	return out
}

// slowReads lets no read begin before everybody is there, however slow the machine.
type slowReads struct {
	reservation.Store
	begin chan struct{}
	reads atomic.Int64
}

func (r *slowReads) Stocks(ctx context.Context, keys []inventory.Key) ([]inventory.Stock, error) {
	r.reads.Add(1)
	select {
	case <-r.begin:
	case <-ctx.Done():
	}
	time.Sleep(20 * time.Millisecond)
	return r.Store.Stocks(ctx, keys)
}

// A call whose deadline passes while it waits in the queue is not done, and says
// so; one that a batch has begun is in doubt.
func TestDeadlines(t *testing.T) {
	s, _ := withGate(t)
	s.set(t, "A", 10)
	hold := make(chan struct{})
	begun := make(chan struct{}, 16)
	s.store.disturb(func(step string) error {
		if step == "begin" {
			begun <- struct{}{}
			<-hold
		}
		return nil
	}, nil)

	var wg sync.WaitGroup
	soon := func(name string) reservation.Answer {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		return s.Try(ctx, []reservation.TryRequest{{ID: id(name), Lines: []inventory.Line{line("A", 1)}}})[0]
	}
	var inBatch [2]reservation.Answer
	for i := range inBatch { // both committers are busy from here on
		wg.Go(func() { inBatch[i] = soon(fmt.Sprintf("begun-%d", i)) })
		<-begun
	}
	refusal := requireReason(t, reservation.Overloaded, soon("queued").Err)
	require.Positive(t, refusal.RetryAfter)
	wg.Wait()
	for _, answer := range inBatch {
		require.ErrorIs(t, answer.Err, reservation.ErrInDoubt)
	}
	s.store.disturb(nil, nil)
	close(hold)

	require.Eventually(t, func() bool { row, err := s.GetStock(t.Context(), key("A")); return err == nil && row.Reserved == 2 }, time.Minute, time.Millisecond, "what was begun happens")
	_, err := s.Get(t.Context(), id("queued"))
	requireReason(t, reservation.NotFound, err)
	require.Eventually(t, func() bool {
		_, holds := s.gate.settled()
		return len(holds) == 3
	}, time.Minute, time.Millisecond, "the gate gets all three freezes back")
}

// A queue that is full refuses at once, and gives back what was frozen.
func TestFullQueue(t *testing.T) {
	opened, err := store.OpenSQLite(filepath.Join(t.TempDir(), "ledger.db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, opened.Close()) })
	_, err = opened.Migrate(t.Context())
	require.NoError(t, err)
	gate := &openGate{}
	service := reservation.New(opened, gate, reservation.Options{Ledger: reservation.LedgerOptions{QueueLines: 3}})
	requests := make([]reservation.TryRequest, 3)
	for i := range requests {
		requests[i] = reservation.TryRequest{ID: id(fmt.Sprint(i)), Lines: []inventory.Line{line("A", 1)}}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { service.Try(ctx, requests) }) // nobody commits yet
	require.Eventually(t, func() bool { return service.Ledger().Depth() == 3 }, time.Minute, time.Millisecond)
	answer := service.Try(t.Context(), []reservation.TryRequest{{ID: id("more"), Lines: []inventory.Line{line("A", 1)}}})[0]
	refusal := requireReason(t, reservation.Overloaded, answer.Err)
	require.Positive(t, refusal.RetryAfter)
	wg.Wait()
	run(t, service)
	require.Eventually(t, func() bool {
		_, holds := gate.settled()
		return len(holds) == 4
	}, time.Minute, time.Millisecond)
}
