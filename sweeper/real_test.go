package sweeper_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "github.com/glebarez/go-sqlite"
	_ "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"stockhold/internal/store"
	"stockhold/internal/testservers"
	"stockhold/inventory"
	"stockhold/reservation"
	"stockhold/sweeper"
)

// real is a whole stockhold without its wire: database, gate and service, and a
// second way into the database for what no caller may do.
type real struct {
	t       *testing.T
	store   *store.Store
	gate    *inventory.Gate
	service *reservation.Service
	sql     *sql.DB
	mysql   bool
}

// onEachStore runs a test on the embedded stores and on real servers.
func onEachStore(t *testing.T, test func(t *testing.T, r *real)) {
	t.Run("Embedded", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "ledger.db")
		s, err := store.OpenSQLite(path, store.Options{})
		require.NoError(t, err)
		gate, err := inventory.OpenEmbedded(inventory.Options{Log: quiet})
		require.NoError(t, err)
		test(t, start(t, s, gate, "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)"))
	})
	t.Run("Servers", func(t *testing.T) {
		dsn := testservers.Database(t)
		s, err := store.OpenMySQL(dsn, store.Options{})
		require.NoError(t, err)
		gate, err := inventory.Open(testservers.Redis(t).URL(), inventory.Options{Prefix: testservers.Prefix(t), Timeout: 2 * time.Second, Log: quiet})
		require.NoError(t, err)
		test(t, start(t, s, gate, "mysql", dsn))
	})
}

var quiet = slog.New(slog.DiscardHandler)

// start takes over store and gate.
func start(t *testing.T, s *store.Store, gate *inventory.Gate, driver, dsn string) *real {
	t.Helper()
	t.Cleanup(func() {
		require.NoError(t, gate.Close())
		require.NoError(t, s.Close())
	})
	_, err := s.Migrate(t.Context())
	require.NoError(t, err)
	raw, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = raw.Close() }) // of a server that was killed, connections do not close well

	limits := reservation.DefaultLimits()
	limits.MinTTL = time.Millisecond
	service := reservation.New(s, gate, reservation.Options{
		Limits: limits, HasDecider: func(owner string) bool { return owner != "silent" }, Logger: quiet,
	})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- service.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	return &real{t: t, store: s, gate: gate, service: service, sql: raw, mysql: driver == "mysql"}
}

// calm makes options under which nothing happens by itself that a test has not
// asked for: a hold that was put off comes back when the test says so.
func calm() sweeper.Options {
	return sweeper.Options{
		Interval: 10 * time.Millisecond, Backoff: time.Hour, Slowest: time.Hour, ParkAfter: 3,
		BreakerFailures: 1000, Grace: time.Hour, Logger: quiet,
	}
}

func (r *real) sweeper(deciders map[string]sweeper.Decider, opts sweeper.Options) *sweeper.Sweeper {
	r.t.Helper()
	s, err := sweeper.New(r.store, r.service.Ledger(), r.gate, deciders, opts)
	require.NoError(r.t, err)
	return s
}

// sweep runs a sweeper once, and sees that nothing failed.
func (r *real) sweep(deciders map[string]sweeper.Decider, opts sweeper.Options) sweeper.Report {
	r.t.Helper()
	report, err := r.sweeper(deciders, opts).RunOnce(r.t.Context())
	require.NoError(r.t, err)
	require.Zero(r.t, report.Failed)
	require.Zero(r.t, report.GateFailed)
	return report
}

func key(sku string) inventory.Key { return inventory.Key{Location: "default", SKU: sku} }

// orders names a hold of the owner that can be asked.
func orders(id string) inventory.HoldID { return inventory.HoldID{Owner: "orders", ID: id} }

func (r *real) stocked(sku string, units int64) {
	r.t.Helper()
	require.NoError(r.t, r.service.Change(r.t.Context(), []inventory.Change{{Key: key(sku), Set: true, Amount: units}})[0].Err)
}

// held makes a hold of n units that ends in an hour.
func (r *real) held(id inventory.HoldID, policy reservation.OnExpiry, sku string, n int64) {
	r.t.Helper()
	r.heldAll([]inventory.HoldID{id}, policy, sku, n)
}

// heldAll makes holds of n units each.
func (r *real) heldAll(ids []inventory.HoldID, policy reservation.OnExpiry, sku string, n int64) {
	r.t.Helper()
	trys := make([]reservation.TryRequest, len(ids))
	for i, id := range ids {
		trys[i] = reservation.TryRequest{
			ID: id, Lines: []inventory.Line{{Key: key(sku), Quantity: n}}, TTL: time.Hour, OnExpiry: policy, Reference: "cart " + id.ID,
		}
	}
	for _, answer := range r.service.Try(r.t.Context(), trys) {
		require.NoError(r.t, answer.Err)
	}
}

// overdue makes a hold that expired a minute ago.
func (r *real) overdue(id inventory.HoldID, policy reservation.OnExpiry, sku string, n int64) {
	r.t.Helper()
	r.held(id, policy, sku, n)
	past := r.moment(-time.Minute)
	r.exec("UPDATE reservations SET due_at = ?, expires_at = ? WHERE owner = ? AND reservation_id = ?", past, past, id.Owner, id.ID)
}

// overdueAll makes n such holds of one unit, named prefix0 and so on. Whatever
// else is held is overdue then, too.
func (r *real) overdueAll(prefix string, n int, policy reservation.OnExpiry, sku string) []inventory.HoldID {
	r.t.Helper()
	ids := make([]inventory.HoldID, n)
	for i := range ids {
		ids[i] = orders(fmt.Sprint(prefix, i))
	}
	r.heldAll(ids, policy, sku, 1)
	past := r.moment(-time.Minute)
	r.exec("UPDATE reservations SET due_at = ?, expires_at = ? WHERE state = ?", past, past, reservation.Reserved)
	return ids
}

// due makes the sweeper look at a hold now.
func (r *real) due(id inventory.HoldID) {
	r.t.Helper()
	r.exec("UPDATE reservations SET due_at = ? WHERE owner = ? AND reservation_id = ?", r.moment(-time.Second), id.Owner, id.ID)
}

func (r *real) exec(statement string, args ...any) {
	r.t.Helper()
	_, err := r.sql.ExecContext(r.t.Context(), statement, args...)
	require.NoError(r.t, err)
}

// moment is a time as the database stores it. Both run on this machine's clock.
func (r *real) moment(from time.Duration) any {
	at := time.Now().UTC().Add(from)
	if r.mysql {
		return at
	}
	return at.UnixMicro()
}

func (r *real) do(call reservation.Call, id inventory.HoldID) reservation.Answer {
	r.t.Helper()
	return r.service.Do(r.t.Context(), []reservation.Request{{ID: id, Call: call, TTL: 2 * time.Hour}})[0]
}

// get is nil when there is no such reservation.
func (r *real) get(id inventory.HoldID) *reservation.Reservation {
	r.t.Helper()
	found, err := r.store.Reservation(r.t.Context(), id)
	require.NoError(r.t, err)
	return found
}

func (r *real) state(id inventory.HoldID) reservation.State {
	r.t.Helper()
	found := r.get(id)
	require.NotNil(r.t, found, id)
	return found.State
}

// stock shows on_hand, reserved and committed.
func (r *real) stock(sku string) string {
	r.t.Helper()
	rows, err := r.store.Stocks(r.t.Context(), []inventory.Key{key(sku)})
	require.NoError(r.t, err)
	require.Len(r.t, rows, 1)
	return fmt.Sprintf("%d on hand, %d reserved, %d committed", rows[0].OnHand, rows[0].Reserved, rows[0].Committed)
}

// poison makes the database refuse every change of state of one reservation.
func (r *real) poison(id string) {
	r.t.Helper()
	if r.mysql {
		r.exec("CREATE TRIGGER poison BEFORE UPDATE ON reservations FOR EACH ROW IF NEW.reservation_id = '" + id +
			"' AND NEW.state <> OLD.state THEN SIGNAL SQLSTATE '22000' SET MESSAGE_TEXT = 'poison'; END IF")
		return
	}
	r.exec("CREATE TRIGGER poison BEFORE UPDATE ON reservations WHEN NEW.reservation_id = '" + id +
		"' AND NEW.state <> OLD.state BEGIN SELECT RAISE(ABORT, 'poison'); END")
}

// orderOwner answers by a function, and remembers what it was asked.
type orderOwner struct {
	answer func(sweeper.Question) sweeper.Decision

	mu    sync.Mutex
	asked []sweeper.Question
}

func always(verdict sweeper.Verdict) *orderOwner {
	return &orderOwner{answer: func(q sweeper.Question) sweeper.Decision { return sweeper.Decision{ID: q.ID, Verdict: verdict} }}
}

func (d *orderOwner) Decide(_ context.Context, _ string, questions []sweeper.Question) ([]sweeper.Decision, error) {
	d.mu.Lock()
	d.asked = append(d.asked, questions...)
	d.mu.Unlock()
	decisions := make([]sweeper.Decision, len(questions))
	for i, q := range questions {
		decisions[i] = d.answer(q)
	}
	return decisions, nil
}

// questions tells how often each id was asked about.
func (d *orderOwner) questions() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	times := map[string]int{}
	for _, q := range d.asked {
		times[q.ID]++
	}
	return times
}

// deciderFunc is a decider without a memory.
type deciderFunc func(questions []sweeper.Question) ([]sweeper.Decision, error)

func (f deciderFunc) Decide(_ context.Context, _ string, questions []sweeper.Question) ([]sweeper.Decision, error) {
	return f(questions)
}

func asks(d sweeper.Decider) map[string]sweeper.Decider {
	return map[string]sweeper.Decider{"orders": d}
}

// eventually polls until the condition holds, which may require something itself:
// it runs on the goroutine of the test.
func eventually(t *testing.T, condition func() bool, what string) {
	t.Helper()
	for began := time.Now(); !condition(); time.Sleep(2 * time.Millisecond) {
		require.Less(t, time.Since(began), time.Minute, what)
	}
}
