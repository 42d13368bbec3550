package reservation_test

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"stockhold/internal/store"
	"stockhold/internal/testservers"
	"stockhold/inventory"
	"stockhold/reservation"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(wholeRun{m})
}

// wholeRun stops the shared servers before leaks are looked for.
type wholeRun struct{ m *testing.M }

func (w wholeRun) Run() int {
	code := w.m.Run()
	if err := testservers.Shutdown(); err != nil {
		println(err.Error())
		return 1
	}
	return code
}

// hooked is a real store whose transactions a test can watch and disturb.
type hooked struct {
	reservation.Store
	before func(step string) error // before each step of a transaction; an error stands for the step's
	after  func(step string) error // after the step was done: its reply is lost

	mu    sync.Mutex
	steps []string
}

type hookedTx struct {
	reservation.Tx
	h *hooked
}

func (h *hooked) seen() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.steps)
}

func (h *hooked) count(step string) (n int) {
	for _, s := range h.seen() {
		if s == step {
			n++
		}
	}
	return n
}

func (h *hooked) step(name string, do func() error) error {
	h.mu.Lock()
	h.steps = append(h.steps, name)
	before, after := h.before, h.after
	h.mu.Unlock()
	if before != nil {
		if err := before(name); err != nil {
			return err
		}
	}
	if err := do(); err != nil {
		return err
	}
	if after != nil {
		return after(name)
	}
	return nil
}

// disturb sets what happens around the steps from now on.
func (h *hooked) disturb(before, after func(string) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.before, h.after, h.steps = before, after, nil
}

func (h *hooked) Begin(ctx context.Context) (tx reservation.Tx, err error) {
	err = h.step("begin", func() error {
		real, err := h.Store.Begin(ctx)
		tx = hookedTx{real, h}
		return err
	})
	return tx, err
}

func (t hookedTx) LockReservations(ctx context.Context, ids []inventory.HoldID, locked reservation.Locked) (held []*reservation.Reservation, err error) {
	err = t.h.step("lock reservations", func() error { held, err = t.Tx.LockReservations(ctx, ids, locked); return err })
	return held, err
}

func (t hookedTx) LockStocks(ctx context.Context, keys []inventory.Key, locked reservation.Locked) (rows []inventory.Stock, err error) {
	err = t.h.step("lock stocks", func() error { rows, err = t.Tx.LockStocks(ctx, keys, locked); return err })
	return rows, err
}

func (t hookedTx) Adjustments(ctx context.Context, ids []string) (known []inventory.Adjustment, err error) {
	err = t.h.step("adjustments", func() error { known, err = t.Tx.Adjustments(ctx, ids); return err })
	return known, err
}

func (t hookedTx) Exist(ctx context.Context, ids []inventory.HoldID) (found []inventory.HoldID, err error) {
	err = t.h.step("exist", func() error { found, err = t.Tx.Exist(ctx, ids); return err })
	return found, err
}

func (t hookedTx) Now(ctx context.Context) (now time.Time, err error) {
	err = t.h.step("now", func() error { now, err = t.Tx.Now(ctx); return err })
	return now, err
}

func (t hookedTx) Write(ctx context.Context, changes *reservation.Changes) error {
	return t.h.step("write", func() error { return t.Tx.Write(ctx, changes) })
}

func (t hookedTx) Commit(ctx context.Context) error {
	return t.h.step("commit", func() error { return t.Tx.Commit(ctx) })
}

// openGate lets everything through and remembers what it was told.
type openGate struct {
	mu    sync.Mutex
	views []inventory.View
	holds []inventory.HoldID
	on    func(views []inventory.View)
}

func (g *openGate) Freeze(_ context.Context, holds []inventory.Hold) []inventory.Freeze {
	out := make([]inventory.Freeze, len(holds))
	for i := range out {
		out[i].Outcome = inventory.Frozen
	}
	return out
}

func (g *openGate) Settle(_ context.Context, views []inventory.View, holds []inventory.HoldID) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.views = append(g.views, views...)
	g.holds = append(g.holds, holds...)
	if g.on != nil {
		g.on(views)
	}
	return nil
}

func (g *openGate) settled() ([]inventory.View, []inventory.HoldID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.views), slices.Clone(g.holds)
}

// shop is a service under test with the ways to disturb it.
type shop struct {
	*reservation.Service
	store *hooked
	gate  *openGate
}

// onEachStore runs a test on an embedded and on a real database.
func onEachStore(t *testing.T, test func(t *testing.T, open func() *shop)) {
	t.Run("SQLite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "ledger.db")
		test(t, func() *shop {
			s, err := store.OpenSQLite(path, store.Options{})
			return newShop(t, s, err, &openGate{})
		})
	})
	t.Run("MariaDB", func(t *testing.T) {
		dsn := testservers.Database(t)
		test(t, func() *shop {
			s, err := store.OpenMySQL(dsn, store.Options{})
			return newShop(t, s, err, &openGate{})
		})
	})
}

// newShop starts a service on the store; every call of the opener is another
// process as far as the database can tell.
func newShop(t *testing.T, s *store.Store, err error, gate *openGate) *shop {
	t.Helper()
	return newShopWith(t, s, err, gate, reservation.LedgerOptions{BatchTimeout: 3 * time.Second})
}

// oneCommitter leaves it to the first transaction to end before the next begins.
var oneCommitter = reservation.LedgerOptions{Committers: 1}

func newShopWith(t *testing.T, s *store.Store, err error, gate *openGate, ledger reservation.LedgerOptions) *shop {
	t.Helper()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	h := &hooked{Store: s}
	service := reservation.New(h, gate, reservation.Options{
		Ledger:     ledger,
		HasDecider: func(owner string) bool { return owner == "asks" },
	})
	run(t, service)
	return &shop{service, h, gate}
}

func key(sku string) inventory.Key            { return inventory.Key{Location: "default", SKU: sku} }
func id(name string) inventory.HoldID         { return inventory.HoldID{Owner: "default", ID: name} }
func line(sku string, n int64) inventory.Line { return inventory.Line{Key: key(sku), Quantity: n} }
func (s *shop) stock(t *testing.T, sku string) inventory.Stock {
	t.Helper()
	row, err := s.GetStock(t.Context(), key(sku))
	require.NoError(t, err)
	return row
}

func (s *shop) set(t *testing.T, sku string, units int64) {
	t.Helper()
	answer := s.Change(t.Context(), []inventory.Change{{Key: key(sku), Set: true, Amount: units}})[0]
	require.NoError(t, answer.Err)
}

func (s *shop) try(t *testing.T, name string, lines ...inventory.Line) reservation.Answer {
	t.Helper()
	return s.Try(t.Context(), []reservation.TryRequest{{ID: id(name), Lines: lines, TTL: time.Minute}})[0]
}

func (s *shop) do(t *testing.T, call reservation.Call, name string) reservation.Answer {
	t.Helper()
	return s.Do(t.Context(), []reservation.Request{{ID: id(name), Call: call}})[0]
}

func requireReason(t *testing.T, want reservation.Reason, err error) *reservation.Refusal {
	t.Helper()
	var refusal *reservation.Refusal
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, want, refusal.Reason, refusal.Message)
	return refusal
}

// run runs a service until the test ends.
func run(t *testing.T, service *reservation.Service) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- service.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
}

// poisoned fails the writes of batches that touch one sku.
type poisoned struct {
	*hooked
	sku   string
	err   error
	armed atomic.Bool
}

type poisonedTx struct {
	reservation.Tx
	p *poisoned
}

func (p *poisoned) Begin(ctx context.Context) (reservation.Tx, error) {
	tx, err := p.hooked.Begin(ctx)
	return poisonedTx{tx, p}, err
}

func (t poisonedTx) Write(ctx context.Context, changes *reservation.Changes) error {
	for _, s := range changes.Stocks {
		if t.p.armed.Load() && s.SKU == t.p.sku {
			return t.p.err
		}
	}
	return t.Tx.Write(ctx, changes)
}
