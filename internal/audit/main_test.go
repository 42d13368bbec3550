package audit

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/leaktest"
	"stockhold/internal/store"
	"stockhold/internal/testservers"
	"stockhold/inventory"
	"stockhold/reservation"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// world is a ledger and a gate, and a way around both.
type world struct {
	store *store.Store
	raw   *sql.DB // the ledger's database, for what no stockhold would write
	gate  *inventory.Gate

	prefix string // of the gate's keys, in a Redis that is shared
}

// onEachWorld runs a test on the embedded stores and on MariaDB with Redis.
func onEachWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("SQLite and embedded gate", func(t *testing.T) { test(t, embeddedWorld(t)) })
	t.Run("MariaDB and Redis", func(t *testing.T) { test(t, serverWorld(t)) })
}

// The test machine may be slow, and a gate that was too slow once is away.
const gatePatience = 5 * time.Second

func embeddedWorld(t *testing.T) *world {
	path := filepath.Join(t.TempDir(), "ledger.db")
	s, err := store.OpenSQLite(path, store.Options{})
	require.NoError(t, err)
	gate, err := inventory.OpenEmbedded(inventory.Options{Timeout: gatePatience})
	require.NoError(t, err)
	return newWorld(t, s, gate, "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
}

func serverWorld(t *testing.T) *world {
	dsn := testservers.Database(t)
	s, err := store.OpenMySQL(dsn, store.Options{})
	require.NoError(t, err)
	prefix := testservers.Prefix(t)
	gate, err := inventory.Open(testservers.Redis(t).URL(), inventory.Options{Prefix: prefix, Timeout: gatePatience})
	require.NoError(t, err)
	w := newWorld(t, s, gate, "mysql", dsn)
	w.prefix = prefix
	return w
}

func newWorld(t *testing.T, s *store.Store, gate *inventory.Gate, driver, dsn string) *world {
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	t.Cleanup(func() { require.NoError(t, gate.Close()) })
	raw, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, raw.Close()) })
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	return &world{store: s, raw: raw, gate: gate}
}

// serve runs a service until stop is called, at the latest when the test ends.
func (w *world) serve(t *testing.T) (service *reservation.Service, stop func()) {
	t.Helper()
	service = reservation.New(w.store, w.gate, reservation.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		require.NoError(t, <-done)
	}
	t.Cleanup(stop)
	return service, stop
}

// exec writes around stockhold.
func (w *world) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	result, err := w.raw.ExecContext(t.Context(), statement, args...)
	require.NoError(t, err, statement)
	n, err := result.RowsAffected()
	require.NoError(t, err)
	require.NotZero(t, n, "%s: nothing changed", statement)
}

// remember copies the ledger's tables aside; restore brings them back.
func (w *world) remember(t *testing.T) (restore func()) {
	t.Helper()
	tables := []string{"stocks", "reservations", "reservation_lines"}
	for _, table := range tables {
		_, err := w.raw.ExecContext(t.Context(), "CREATE TABLE "+table+"_copy AS SELECT * FROM "+table)
		require.NoError(t, err)
	}
	return func() {
		for _, table := range tables {
			_, err := w.raw.ExecContext(t.Context(), "DELETE FROM "+table)
			require.NoError(t, err)
			w.exec(t, "INSERT INTO "+table+" SELECT * FROM "+table+"_copy")
		}
	}
}

func fingerprint(lines ...inventory.Line) string {
	f := reservation.FingerprintOf(inventory.MergeLines(lines))
	return fmt.Sprintf("%x", f[:])
}

// rkey is the ledger's own key of a reservation of owner default.
func (w *world) rkey(t *testing.T, id string) int64 {
	t.Helper()
	var key int64
	require.NoError(t, w.raw.QueryRowContext(t.Context(), "SELECT rkey FROM reservations WHERE owner = 'default' AND reservation_id = ?", id).Scan(&key))
	return key
}

// briefly are the options of an audit of what nobody else works on.
var briefly = Options{Pause: time.Millisecond}

func (w *world) audit(t *testing.T, opts Options) Report {
	t.Helper()
	report, err := Run(t.Context(), Deps{Ledger: w.store, Gate: w.gate}, opts)
	require.NoError(t, err)
	require.True(t, report.Complete)
	return report
}

// found is what tests look at of a finding: the words are tested elsewhere.
type found struct {
	kind  Kind
	total int64
	shown []Difference
}

func requireFound(t *testing.T, report Report, want ...found) {
	t.Helper()
	got := []found{}
	for _, f := range report.Findings {
		got = append(got, found{f.Kind, f.Total, f.Differences})
	}
	if want == nil {
		want = []found{}
	}
	require.Equal(t, want, got)
}

func one(kind Kind, d Difference) found { return found{kind, 1, []Difference{d}} }

func key(location, sku string) inventory.Key { return inventory.Key{Location: location, SKU: sku} }

func line(location, sku string, n int64) inventory.Line {
	return inventory.Line{Key: key(location, sku), Quantity: n}
}

func setStock(t *testing.T, service *reservation.Service, k inventory.Key, units int64) {
	t.Helper()
	require.NoError(t, service.Change(t.Context(), []inventory.Change{{Key: k, Set: true, Amount: units}})[0].Err)
}

func try(t *testing.T, service *reservation.Service, id string, lines ...inventory.Line) {
	t.Helper()
	answer := service.Try(t.Context(), []reservation.TryRequest{{ID: inventory.HoldID{ID: id}, Lines: lines, TTL: time.Hour}})[0]
	require.NoError(t, answer.Err)
}

func do(t *testing.T, service *reservation.Service, call reservation.Call, ids ...string) {
	t.Helper()
	var requests []reservation.Request
	for _, id := range ids {
		requests = append(requests, reservation.Request{ID: inventory.HoldID{ID: id}, Call: call})
	}
	for i, answer := range service.Do(t.Context(), requests) {
		require.NoError(t, answer.Err, "%s %s", call, ids[i])
	}
}

// shop fills a ledger: skus A and B, and HOT at two places with 20 holds, each
// of both places. It leaves no service running, and the gate up to date.
func (w *world) shop(t *testing.T) {
	t.Helper()
	service, stop := w.serve(t)
	for _, k := range []inventory.Key{key("default", "A"), key("default", "B"), key("east", "HOT"), key("west", "HOT"), key("west", "Z")} {
		setStock(t, service, k, 1000)
	}
	try(t, service, "reserved", line("default", "A", 3), line("default", "B", 1))
	try(t, service, "confirmed", line("default", "A", 5))
	try(t, service, "canceled", line("default", "B", 7))
	for i := range 20 {
		try(t, service, fmt.Sprintf("hot-%02d", i), line("east", "HOT", 2), line("west", "HOT", 1))
	}
	do(t, service, reservation.Confirm, "confirmed", "hot-00", "hot-01")
	do(t, service, reservation.Cancel, "canceled", "never-tried")
	stop()
}

// The whole of the shop: what an audit should have read of it.
var shopExamined = LedgerExamined{Stocks: 5, Reservations: 24, Lines: 44}
