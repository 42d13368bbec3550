package conformance_test

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/conformance"
	"stockhold/internal/leaktest"
	"stockhold/internal/rpc"
	"stockhold/internal/store"
	"stockhold/internal/testservers"
	"stockhold/inventory"
	"stockhold/reservation"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// The suite, over each kind of store: the embedded default, production's, and a
// ledger whose gate does not answer. All at once: they wait for disks, mostly.
func TestConformance(t *testing.T) {
	var group sync.WaitGroup
	for name, start := range map[string]func(t *testing.T) conformance.Server{
		"Embedded":        func(t *testing.T) conformance.Server { return server(t, sqlite(t), embeddedGate(t)) },
		"MariaDBAndRedis": func(t *testing.T) conformance.Server { return server(t, mariaDB(t), redisGate(t)) },
		"GateAway": func(t *testing.T) conformance.Server {
			s := server(t, sqlite(t), awayGate{})
			s.Clients = []string{"gRPC"} // how a call is written cannot matter to a gate
			return s
		},
	} {
		group.Go(func() {
			t.Run(name, func(t *testing.T) { conformance.Run(t, start(t)) })
		})
	}
	group.Wait()
}

const asks = "asks"

// server runs a service and its handlers until the test ends.
func server(t *testing.T, ledger *store.Store, gate reservation.Gate) conformance.Server {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	options := reservation.Options{
		// No call of the suite is about running out of time, however busy the machine.
		CallTimeout: 5 * time.Minute,
		Ledger:      reservation.LedgerOptions{BatchTimeout: 2 * time.Minute, QueueWait: 5 * time.Minute},
		HasDecider:  func(owner string) bool { return owner == asks },
		Logger:      log,
	}
	if ledger.Kind() == "sqlite" {
		options.Ledger.Committers = 1 // it has one writer
	}
	service := reservation.New(ledger, gate, options)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	handler, err := rpc.Handler(service, rpc.Options{Logger: log})
	require.NoError(t, err)
	_, away := gate.(awayGate)
	return conformance.Server{URL: conformance.Serve(t, handler), Sweep: service.Ledger().Do, Asks: asks, GateAway: away}
}

func sqlite(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.OpenSQLite(filepath.Join(t.TempDir(), "ledger.db"), store.Options{})
	return migrated(t, s, err)
}

func mariaDB(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.OpenMySQL(testservers.Database(t), store.Options{})
	return migrated(t, s, err)
}

func migrated(t *testing.T, s *store.Store, err error) *store.Store {
	t.Helper()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	return s
}

func embeddedGate(t *testing.T) *inventory.Gate {
	t.Helper()
	g, err := inventory.OpenEmbedded(inventory.Options{})
	return closed(t, g, err)
}

func redisGate(t *testing.T) *inventory.Gate {
	t.Helper()
	g, err := inventory.Open(testservers.Redis(t).URL(), inventory.Options{Prefix: testservers.Prefix(t)})
	return closed(t, g, err)
}

func closed(t *testing.T, g *inventory.Gate, err error) *inventory.Gate {
	t.Helper()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	return g
}

// awayGate is a gate that never answers.
type awayGate struct{}

func (awayGate) Freeze(_ context.Context, holds []inventory.Hold) []inventory.Freeze {
	out := make([]inventory.Freeze, len(holds))
	for i := range out {
		out[i] = inventory.Freeze{Outcome: inventory.Away, Err: inventory.ErrAway}
	}
	return out
}

func (awayGate) Settle(context.Context, []inventory.View, []inventory.HoldID) error {
	return inventory.ErrAway
}
