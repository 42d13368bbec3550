package store_test

import (
	"context"
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

// onEachStore runs a test on both kinds of database, each time on one of its own.
func onEachStore(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Run("SQLite", func(t *testing.T) {
		test(t, openSQLite(t, filepath.Join(t.TempDir(), "ledger.db")))
	})
	t.Run("MariaDB", func(t *testing.T) {
		test(t, openMariaDB(t, testservers.Database(t)))
	})
}

func openSQLite(t *testing.T, path string) *store.Store {
	s, err := store.OpenSQLite(path, store.Options{})
	return ready(t, s, err)
}

func openMariaDB(t *testing.T, dsn string) *store.Store {
	s, err := store.OpenMySQL(dsn, store.Options{})
	return ready(t, s, err)
}

func ready(t *testing.T, s *store.Store, err error) *store.Store {
	t.Helper()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.CheckSchema(t.Context()))
	return s
}

// noGate lets everything through to the ledger.
type noGate struct{}

func (noGate) Freeze(_ context.Context, holds []inventory.Hold) []inventory.Freeze {
	out := make([]inventory.Freeze, len(holds))
	for i := range out {
		out[i] = inventory.Freeze{Outcome: inventory.Away, Err: inventory.ErrAway}
	}
	return out
}

func (noGate) Settle(context.Context, []inventory.View, []inventory.HoldID) error { return nil }

// serve runs a service over a store until the test ends.
func serve(t testing.TB, s *store.Store) *reservation.Service {
	t.Helper()
	service := reservation.New(s, noGate{}, reservation.Options{HasDecider: func(owner string) bool { return owner == "asks" }})
	run(t, service)
	return service
}

// run runs a service until the test ends.
func run(t testing.TB, service *reservation.Service) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- service.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
}

func key(sku string) inventory.Key { return inventory.Key{Location: "default", SKU: sku} }

func id(id string) inventory.HoldID { return inventory.HoldID{Owner: "default", ID: id} }

func stocked(t *testing.T, service *reservation.Service, sku string, units int64) {
	t.Helper()
	answers := service.Change(t.Context(), []inventory.Change{{Key: key(sku), Set: true, Amount: units}})
	require.NoError(t, answers[0].Err)
}

func hold(t *testing.T, service *reservation.Service, holdID inventory.HoldID, lines ...inventory.Line) reservation.Answer {
	t.Helper()
	return service.Try(t.Context(), []reservation.TryRequest{{ID: holdID, Lines: lines, TTL: time.Minute}})[0]
}

func do(t *testing.T, service *reservation.Service, call reservation.Call, holdID inventory.HoldID) reservation.Answer {
	t.Helper()
	return service.Do(t.Context(), []reservation.Request{{ID: holdID, Call: call}})[0]
}

func line(sku string, n int64) inventory.Line { return inventory.Line{Key: key(sku), Quantity: n} }
