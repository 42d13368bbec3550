package sweeper

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/inventory"
	"stockhold/reservation"
)

// The fakes are for faults that real stores cannot be made to have on demand.

type fakeStore struct {
	claim  func(limit int) ([]reservation.Claim, error)
	stocks func(keys []inventory.Key) ([]inventory.Stock, error)
	purge  func(limit int) (int, error)
	looks  int
}

func (f *fakeStore) Claim(_ context.Context, _ time.Duration, limit int) ([]reservation.Claim, error) {
	if f.claim == nil {
		return nil, nil
	}
	return f.claim(limit)
}

func (f *fakeStore) Stocks(_ context.Context, keys []inventory.Key) ([]inventory.Stock, error) {
	if f.stocks == nil {
		return nil, nil
	}
	return f.stocks(keys)
}

func (f *fakeStore) Purge(_ context.Context, _ reservation.Retention, limit int) (int, error) {
	if f.purge == nil {
		return 0, nil
	}
	return f.purge(limit)
}

func (f *fakeStore) Undecided(context.Context, int) (reservation.Undecided, error) {
	f.looks++
	return reservation.Undecided{Overdue: 7, Asked: 3, Parked: 2, Oldest: 90 * time.Second}, nil
}

type fakeLedger struct {
	do     func(op *reservation.Operation) reservation.Answer
	runDue func(policy reservation.OnExpiry) ([]reservation.Due, error)
	ops    []*reservation.Operation
}

func (f *fakeLedger) Do(_ context.Context, ops []*reservation.Operation) []reservation.Answer {
	f.ops = append(f.ops, ops...)
	answers := make([]reservation.Answer, len(ops))
	for i, op := range ops {
		if f.do != nil {
			answers[i] = f.do(op)
		} else {
			answers[i] = reservation.Answer{Reservation: &reservation.Reservation{HoldID: op.ID}}
		}
	}
	return answers
}

func (f *fakeLedger) RunDue(_ context.Context, policy reservation.OnExpiry, _ int) ([]reservation.Due, error) {
	if f.runDue == nil {
		return nil, nil
	}
	return f.runDue(policy)
}

// fakeGate has rows and pending holds, and a hook before each call.
type fakeGate struct {
	before  func(call string) error
	pending []inventory.Hold
	strange error
	rows    map[inventory.Key]inventory.Row
	next    uint64 // what the next scan returns

	cursors []uint64
	settled [][]inventory.HoldID
	views   [][]inventory.View
	dropped []inventory.View

	reclaimed [][]inventory.Key
	leaks     []inventory.Leak
}

func (f *fakeGate) hook(call string) error {
	if f.before == nil {
		return nil
	}
	return f.before(call)
}

func (f *fakeGate) Pending(_ context.Context, _ time.Duration, limit int) ([]inventory.Hold, error) {
	if err := f.hook("pending"); err != nil {
		return nil, err
	}
	return f.pending[:min(limit, len(f.pending))], f.strange
}

func (f *fakeGate) Scan(_ context.Context, cursor uint64, _ int64) (keys []inventory.Key, next uint64, err error) {
	f.cursors = append(f.cursors, cursor)
	if err := f.hook("scan"); err != nil {
		return nil, 0, err
	}
	for key := range f.rows {
		keys = append(keys, key)
	}
	return keys, f.next, nil
}

func (f *fakeGate) Rows(_ context.Context, keys []inventory.Key) ([]inventory.Row, error) {
	if err := f.hook("rows"); err != nil {
		return nil, err
	}
	rows := make([]inventory.Row, len(keys))
	for i, key := range keys {
		rows[i] = f.rows[key]
	}
	return rows, nil
}

func (f *fakeGate) Settle(_ context.Context, views []inventory.View, holds []inventory.HoldID) error {
	if err := f.hook("settle"); err != nil {
		return err
	}
	f.views = append(f.views, views)
	f.settled = append(f.settled, holds)
	f.pending = f.pending[min(len(holds), len(f.pending)):]
	return nil
}

func (f *fakeGate) Drop(_ context.Context, read []inventory.View) (int, error) {
	if err := f.hook("drop"); err != nil {
		return 0, err
	}
	f.dropped = append(f.dropped, read...)
	return len(read), nil
}

func (f *fakeGate) Reclaim(_ context.Context, keys []inventory.Key) ([]inventory.Leak, error) {
	f.reclaimed = append(f.reclaimed, keys)
	if err := f.hook("reclaim"); err != nil {
		return nil, err
	}
	return f.leaks, nil
}

// deciderFunc is a decider by a function.
type deciderFunc func(ctx context.Context, owner string, questions []Question) ([]Decision, error)

func (f deciderFunc) Decide(ctx context.Context, owner string, questions []Question) ([]Decision, error) {
	return f(ctx, owner, questions)
}

func saying(verdict Verdict) deciderFunc {
	return func(_ context.Context, _ string, questions []Question) ([]Decision, error) {
		decisions := make([]Decision, len(questions))
		for i, q := range questions {
			decisions[i] = Decision{ID: q.ID, Verdict: verdict}
		}
		return decisions, nil
	}
}

// hanging answers only that its time is over.
func hanging(ctx context.Context, _ string, _ []Question) ([]Decision, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// parts of a sweeper under test; what is nil does nothing.
type parts struct {
	store    *fakeStore
	ledger   *fakeLedger
	gate     *fakeGate
	deciders map[string]Decider
	opts     Options
}

func (p parts) sweeper(t *testing.T) *Sweeper {
	t.Helper()
	if p.store == nil {
		p.store = &fakeStore{}
	}
	if p.ledger == nil {
		p.ledger = &fakeLedger{}
	}
	var gate Gate
	if p.gate != nil {
		gate = p.gate
	}
	if p.opts.Logger == nil {
		p.opts.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := New(p.store, p.ledger, gate, p.deciders, p.opts)
	require.NoError(t, err)
	return s
}

func hold(owner, id string) inventory.HoldID { return inventory.HoldID{Owner: owner, ID: id} }

// claimed makes n claims of an owner.
func claimed(owner string, n int) []reservation.Claim {
	claims := make([]reservation.Claim, n)
	for i := range claims {
		claims[i] = reservation.Claim{HoldID: hold(owner, fmt.Sprint(i)), Lease: time.Unix(1, 0)}
	}
	return claims
}

func stockRow(sku string, available, version int64) inventory.Stock {
	return inventory.Stock{Key: inventory.Key{Location: "default", SKU: sku}, OnHand: available, Version: version}
}

func gateRow(sku string, quota, version int64) inventory.Row {
	return inventory.Row{View: stockRow(sku, quota, version).View(), Loaded: true}
}

func rowsOf(rows ...inventory.Row) map[inventory.Key]inventory.Row {
	byKey := map[inventory.Key]inventory.Row{}
	for _, row := range rows {
		byKey[row.Key] = row
	}
	return byKey
}

// lines is a log that tests can read.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, string(p))
	return len(p), nil
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
