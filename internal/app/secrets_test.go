package app_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"stockhold/internal/app"
	"stockhold/internal/config"
	"stockhold/internal/testservers"
	"stockhold/internal/tokenstest"
)

const (
	mysqlPassword = "hunter2-mysql"
	redisPassword = "hunter2-redis"
	deciderToken  = "hunter2-decider"
)

// A server at its most talkative, whose stores go away in every way there is:
// what callers are told has no SQL, no address, no path and no stack in it, and
// neither that nor the log has a password or a token.
func TestNothingLeaks(t *testing.T) {
	db := testservers.NewMariaDB(t, testservers.MariaDBOptions{})
	redis := testservers.NewRedis(t, testservers.RedisOptions{Password: redisPassword})
	cfg := embedded(t)
	cfg.Stores.MySQLDSN = userWithPassword(t, db)
	cfg.Stores.RedisURL = redis.URL()
	require.Contains(t, cfg.Stores.RedisURL, redisPassword)
	cfg.Server.Migrate = true
	cfg.Server.CallTimeout = 2 * time.Second
	cfg.Ledger.BatchTimeout = time.Second

	var asked atomic.Int64
	decider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprintf(w, `{"code":"internal","message":"you are %s"}`, r.Header.Get("Authorization"))
	}))
	t.Cleanup(decider.Close)
	f := fortified(t, cfg)
	file := filepath.Join(f.folder, "token")
	require.NoError(t, os.WriteFile(file, []byte(deciderToken+"\n"), 0o600))
	f.cfg.Sweeper.Deciders = config.Deciders{"shop-a": decider.URL}
	f.cfg.Security.DeciderTokens = config.Files{"shop-a": file}
	f.cfg.Limits.MinTTL = time.Millisecond
	f.cfg.Sweeper.Backoff, f.cfg.Sweeper.Interval = 10*time.Millisecond, 10*time.Millisecond
	startTalking(t, f)
	f.stock(t)
	token := f.issuer.Token(t, "system:serviceaccount:shop-a:orders")
	forged := tokenstest.New(t, "k9").Token(t, "system:serviceaccount:shop-a:orders")
	a := f.caller(t, token)
	status, text := a.call("Try", `{"owner":"shop-a","reservationId":"asked","ttl":"0.001s","lines":[{"sku":"mug","quantity":1}]}`)
	require.Equal(t, http.StatusOK, status, text)
	require.Eventually(t, func() bool { return asked.Load() > 1 }, patience, 50*time.Millisecond, "the sweeper has heard the first answer")
	require.Contains(t, f.log.String(), "did not say what it decided")

	var told strings.Builder
	everything := func(trouble string) {
		for _, c := range []*caller{a, f.caller(t, forged), f.caller(t, "")} {
			for _, call := range []string{"Try", "Confirm", "Cancel", "GetReservation", "ListReservations", "BatchTry", "GetStock", "SetStock", "Nonsense"} {
				for _, body := range []string{`{"owner":"shop-a","reservationId":"order-1","sku":"mug","lines":[{"sku":"mug","quantity":1}]}`, `{"requests":[{"owner":"shop-a","reservationId":"2"}]}`, `{"`} {
					_, text := c.call(call, body)
					fmt.Fprintf(&told, "%s: %s: %s\n", trouble, call, text)
				}
			}
			for _, page := range []string{"/readyz", "/metrics", "/nowhere"} {
				_, text := c.do(http.MethodGet, page, "")
				fmt.Fprintf(&told, "%s: %s: %s\n", trouble, page, text)
			}
		}
	}
	everything("well")
	require.NoError(t, redis.Kill())
	everything("no gate")
	require.NoError(t, redis.Restart(t.Context())) // for the client library, which goes on dialing for a while
	require.NoError(t, db.SetReadOnly(t.Context(), true))
	everything("a ledger that is read only")
	require.NoError(t, db.SetReadOnly(t.Context(), false))
	spoil(t, db.DSN(databaseOf(cfg.Stores.MySQLDSN)), "DELETE FROM stocks")
	_, text = a.call("Fulfill", `{"owner":"shop-a","reservationId":"order-1"}`)
	fmt.Fprintln(&told, "lines whose stock is gone:", text)
	spoil(t, db.DSN(databaseOf(cfg.Stores.MySQLDSN)), "DROP TABLE reservation_lines")
	everything("a table that is gone")
	require.NoError(t, db.Signal(syscall.SIGSTOP))
	_, text = a.call("GetReservation", `{"owner":"shop-a","reservationId":"1"}`)
	fmt.Fprintln(&told, text)
	require.NoError(t, db.Signal(syscall.SIGCONT))
	require.NoError(t, db.Kill())
	everything("no ledger")

	require.Contains(t, told.String(), "error id", "the defect was not provoked")
	require.Contains(t, told.String(), "a store is away")
	port := db.Addr()[strings.LastIndex(db.Addr(), ":")+1:]
	for line := range strings.Lines(told.String()) {
		if strings.Contains(line, "/metrics") {
			continue // whose page is not an answer to a call; who may not see it hears why, which is checked above
		}
		for _, leak := range []string{
			"hunter2", token[:40], forged[:40], port, "127.0.0.1", "SELECT", "INSERT", "UPDATE ", "FOR UPDATE", "Table", "doesn't exist", "reservation_lines",
			"Error 1", "SQLSTATE", "dial tcp", "i/o timeout", "connection refused", "driver", ".go:", "goroutine", f.folder, cfg.Stores.Data, "panic", "runtime error", "redis:",
		} {
			require.NotContains(t, line, leak)
		}
	}
	// The id that a caller got leads to what happened.
	_, rest, _ := strings.Cut(told.String(), "under the error id ")
	require.Contains(t, f.log.String(), "error_id="+rest[:12])

	require.NoError(t, db.Restart(t.Context()))
	for _, secret := range []string{mysqlPassword, redisPassword, deciderToken, token, forged, token[:40]} {
		require.NotContains(t, f.log.String(), secret)
	}
}

// startTalking starts a server that logs all it can.
func startTalking(t *testing.T, f *fortress) {
	t.Helper()
	require.NoError(t, f.cfg.Complete())
	f.log = &journal{}
	f.App = app.New(f.cfg, app.Options{Logger: slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Banner: io.Discard})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, f.Start(ctx))
	t.Cleanup(func() { _ = f.Stop() }) // its ledger went away under it
}

func userWithPassword(t *testing.T, db *testservers.MariaDBServer) string {
	t.Helper()
	dsn := testservers.DatabaseOn(t, db)
	pool, err := sql.Open("mysql", dsn)
	require.NoError(t, err)
	defer pool.Close()
	name := databaseOf(dsn)
	for _, statement := range []string{
		"CREATE USER 'shop'@'127.0.0.1' IDENTIFIED BY '" + mysqlPassword + "'",
		"GRANT ALL PRIVILEGES ON `" + name + "`.* TO 'shop'@'127.0.0.1'",
	} {
		_, err = pool.Exec(statement)
		require.NoError(t, err)
	}
	return "shop:" + mysqlPassword + "@tcp(" + db.Addr() + ")/" + name
}

func databaseOf(dsn string) string {
	_, name, _ := strings.Cut(dsn, ")/")
	name, _, _ = strings.Cut(name, "?")
	return name
}

func spoil(t *testing.T, dsn, statement string) {
	t.Helper()
	pool, err := sql.Open("mysql", dsn)
	require.NoError(t, err)
	defer pool.Close()
	_, err = pool.Exec(statement)
	require.NoError(t, err)
}
