package app_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/app"
	"stockhold/internal/config"
	"stockhold/internal/faults"
	"stockhold/internal/testservers"
)

// Both kinds of stores: a server serves, stops without leaving anything behind,
// and what was answered is there when it starts again.
func TestStartStop(t *testing.T) {
	for name, configure := range map[string]func(*testing.T) config.Config{"embedded": embedded, "real": real} {
		t.Run(name, func(t *testing.T) {
			cfg := configure(t)
			leaks := goleak.IgnoreCurrent()
			a, log := start(t, cfg)
			s := visit(t, a)
			s.stock("mug", 10)
			require.NoError(t, s.try("order-1", "mug", 2))
			s.until("/healthz", 200, "ok")
			s.until("/readyz", 200, "ok")
			s.until("/metrics", 200, "stockhold_ledger_queue_depth 0")
			require.Contains(t, log.String(), "msg=serving")
			require.Contains(t, log.String(), a.Addr())
			s.client.CloseIdleConnections()

			var stops sync.WaitGroup
			for range 3 {
				stops.Go(func() { require.NoError(t, a.Stop()) })
			}
			stops.Wait()
			require.NoError(t, a.Stop())
			goleak.VerifyNone(t, leaks)

			again, _ := start(t, cfg)
			require.Equal(t, stockholdv1.State_STATE_RESERVED, visit(t, again).state("order-1"))
		})
	}
}

func TestSecondServerIsKeptOut(t *testing.T) {
	cfg := embedded(t)
	first, _ := start(t, cfg)
	err := refused(t, cfg)
	require.ErrorIs(t, err, app.ErrInUse)
	require.ErrorContains(t, err, cfg.Stores.Data)
	require.ErrorContains(t, err, "--data")

	visit(t, first).until("/readyz", 200, "ok")
	require.NoError(t, first.Stop())
	start(t, cfg) // the folder is free again
}

func TestTakenPortLeavesNothingBehind(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	cfg := embedded(t)
	cfg.Server.Listen = taken.Addr().String()
	leaks := goleak.IgnoreCurrent()
	require.ErrorContains(t, refused(t, cfg), taken.Addr().String())
	goleak.VerifyNone(t, leaks)

	require.NoError(t, taken.Close())
	start(t, cfg) // neither the folder nor anything in it is still held
}

func TestSchemaMustFit(t *testing.T) {
	cfg := real(t)
	cfg.Server.Migrate = false
	require.ErrorContains(t, refused(t, cfg), "stockhold migrate")

	cfg.Server.Migrate = true
	a, _ := start(t, cfg)
	require.NoError(t, a.Stop())
	cfg.Server.Migrate = false
	a, _ = start(t, cfg)
	require.NoError(t, a.Stop())

	db, err := sql.Open("mysql", cfg.Stores.MySQLDSN)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9000, 1)")
	require.NoError(t, err)
	for _, migrate := range []bool{false, true} {
		cfg.Server.Migrate = migrate
		require.ErrorContains(t, refused(t, cfg), "newer than this program")
	}
}

func TestStartWithRedisDown(t *testing.T) {
	redis := testservers.NewRedis(t, testservers.RedisOptions{})
	cfg := real(t)
	cfg.Stores.RedisURL = redis.URL()
	require.NoError(t, redis.Kill())

	a, log := start(t, cfg)
	require.Contains(t, log.String(), "the gate does not answer")
	s := visit(t, a)
	s.until("/readyz", 200, "ok")
	s.stock("mug", 3)
	require.NoError(t, s.try("alone", "mug", 2))
	require.Error(t, s.try("too-much", "mug", 2))

	// Redis comes back, and is used without a restart.
	require.NoError(t, redis.Restart(t.Context()))
	client := redis.Client()
	defer client.Close()
	faults.Eventually(t, func() bool {
		s.stock("mug", 3) // whatever is committed is told to the gate
		keys, err := client.DBSize(t.Context()).Result()
		return err == nil && keys > 0
	}, patience, 50*time.Millisecond)
	require.NoError(t, s.try("with-gate", "mug", 1))
}

func TestLedgerDownAtStart(t *testing.T) {
	db := testservers.NewMariaDB(t, testservers.MariaDBOptions{})
	cfg := config.Default()
	cfg.Server.Listen = "127.0.0.1:0"
	cfg.Server.Migrate = true
	cfg.Stores.MySQLDSN = testservers.DatabaseOn(t, db)
	require.NoError(t, db.Kill())

	cfg.Stores.MySQLWait = 500 * time.Millisecond
	err := refused(t, cfg)
	require.ErrorContains(t, err, "did not answer within 500ms")
	require.ErrorContains(t, err, db.Addr())

	// It is told to stop while it waits.
	cfg.Stores.MySQLWait = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	log := &journal{}
	stopped := make(chan error, 1)
	go func() { stopped <- app.Serve(ctx, cfg, app.Options{Logger: log.logger()}) }()
	require.Eventually(t, func() bool { return log.String() != "" }, patience, 10*time.Millisecond)
	cancel()
	require.ErrorContains(t, <-stopped, "stopped while waiting for the ledger")

	// It comes up while a start waits.
	ctx, cancel = context.WithTimeout(t.Context(), patience)
	defer cancel()
	log = &journal{}
	a := app.New(cfg, app.Options{Logger: log.logger()})
	started := make(chan error, 1)
	go func() { started <- a.Start(ctx) }()
	require.Eventually(t, func() bool { return log.String() != "" }, patience, 10*time.Millisecond)
	require.NoError(t, db.Restart(ctx))
	require.NoError(t, <-started)
	visit(t, a).until("/readyz", 200, "ok")
	require.NoError(t, a.Stop())
}

// Two servers on one MySQL without a Redis: each has a gate that does not see
// what the other froze, and not one unit is sold twice.
func TestSeparateGatesNeverOversell(t *testing.T) {
	cfg := real(t)
	cfg.Stores.RedisURL = ""
	first, log := start(t, cfg)
	require.Contains(t, log.String(), "a gate of its own")
	second, _ := start(t, cfg)
	shops := []*shop{visit(t, first), visit(t, second)}
	const units, calls = 20, 60
	shops[0].stock("mug", units)

	var wait sync.WaitGroup
	held := make([]bool, calls)
	for i := range calls {
		wait.Go(func() { held[i] = shops[i%2].try(fmt.Sprintf("order-%d", i), "mug", 1) == nil })
	}
	wait.Wait()
	n := 0
	for _, ok := range held {
		if ok {
			n++
		}
	}
	require.Equal(t, units, n)
}
