package monitoring

import (
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"

	"stockhold/internal/faults"
	"stockhold/internal/testservers"
	"stockhold/internal/tokenstest"
)

const (
	mysqlSecret     = "hunter2-mysql"
	redisSecret     = "hunter2-redis"
	deciderSecret   = "hunter2-decider"
	collectorSecret = "hunter2-collector"

	accessPolicy = "callers:\n" +
		"  - {name: shop, subjects: ['jwt:shop'], roles: [orders, stock], owners: [orders]}\n" +
		"  - {name: prometheus, subjects: ['jwt:prometheus'], roles: [reader], owners: ['*']}\n"
)

// guarded is a server with a secret of every kind, which logs and traces all it
// can, and a decider that repeats the token that it was shown.
type guarded struct {
	*faults.Process
	sent          *collector
	db            *testservers.MariaDBServer
	redis         *testservers.RedisServer
	dsn           string // of root, for what spoils the ledger
	asked         *atomic.Int64
	token, forged string // of a caller
	scrapes       string // Prometheus's token
}

func startGuarded(t *testing.T) *guarded {
	g := &guarded{sent: startCollector(t), asked: new(atomic.Int64),
		db: testservers.NewMariaDB(t, testservers.MariaDBOptions{}), redis: testservers.NewRedis(t, testservers.RedisOptions{Password: redisSecret})}
	g.dsn = testservers.DatabaseOn(t, g.db)
	g.spoil(t, "CREATE USER 'shop'@'127.0.0.1' IDENTIFIED BY '"+mysqlSecret+"'")
	g.spoil(t, "GRANT ALL PRIVILEGES ON `%`.* TO 'shop'@'127.0.0.1'")
	_, database, _ := strings.Cut(g.dsn, ")/")

	decider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprintf(w, `{"code":"internal","message":"you are %s"}`, r.Header.Get("Authorization"))
	}))
	t.Cleanup(decider.Close)

	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	issuer, keys := tokenstest.New(t, "k1"), filepath.Join(folder, "jwks.json")
	issuer.Publish(t, keys)
	g.token, g.scrapes, g.forged = issuer.Token(t, "shop"), issuer.Token(t, "prometheus"), tokenstest.New(t, "k9").Token(t, "shop")

	var err error
	g.Process, err = program.Serve(t.Context(), faults.Setup{
		Args: []string{"--log-format", "json", "--log-level", "debug", "--migrate", "--call-timeout", "1s", "--ledger-batch-timeout", "1s",
			"--deciders", "orders=" + decider.URL, "--decider-tokens", "orders=" + file("token", deciderSecret+"\n"), "--sweep-interval", "50ms", "--sweep-backoff", "100ms",
			"--access-policy", file("policy.yaml", accessPolicy), "--jwt-issuer", tokenstest.Name, "--jwt-audience", tokenstest.Audience, "--jwt-keys-file", keys},
		Env: []string{"STOCKHOLD_MYSQL_DSN=shop:" + mysqlSecret + "@tcp(" + g.db.Addr() + ")/" + database, "STOCKHOLD_REDIS_URL=" + g.redis.URL(),
			"OTEL_EXPORTER_OTLP_ENDPOINT=" + g.sent.url, "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20" + collectorSecret,
			"OTEL_METRICS_EXPORTER=otlp", "OTEL_METRIC_EXPORT_INTERVAL=500", "OTEL_BSP_SCHEDULE_DELAY=200"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	return g
}

func (g *guarded) spoil(t *testing.T, statement string) {
	t.Helper()
	pool, err := sql.Open("mysql", g.dsn)
	require.NoError(t, err)
	defer pool.Close()
	_, err = pool.ExecContext(t.Context(), statement)
	require.NoError(t, err)
}

// call is one with a token; what is answered does not matter here.
func (g *guarded) call(t *testing.T, web *http.Client, token, rpc, body string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL()+"/stockhold.v1."+rpc, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := web.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(text)
}

// page is /metrics as it is written.
func (g *guarded) page(t *testing.T, web *http.Client) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.URL()+"/metrics", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+g.scrapes)
	answer, err := web.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(text)
}

// Passwords and tokens, of the stores, of callers, of the decider and of the
// collector, are in nothing that a server tells about itself, at its most talkative
// and whatever goes wrong; and no span has a statement, an address of a store, or
// what an error says.
func TestNothingSecretIsTold(t *testing.T) {
	g := startGuarded(t)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	web := &http.Client{Transport: transport}

	require.Contains(t, g.call(t, web, g.token, "InventoryService/SetStock", `{"sku":"mug","onHand":"100"}`), `"stock"`)
	require.Contains(t, g.call(t, web, g.token, "ReservationService/Try",
		`{"owner":"orders","reservationId":"asked","ttl":"1s","lines":[{"sku":"mug","quantity":1}]}`), "STATE_RESERVED")
	require.Eventually(t, func() bool { return g.asked.Load() > 1 }, time.Minute, 20*time.Millisecond, "the sweeper has heard the first answer")

	everything := func() {
		for _, token := range []string{g.token, g.forged, ""} {
			for rpc, body := range map[string]string{
				"ReservationService/Try":            `{"owner":"orders","reservationId":"order-1","lines":[{"sku":"mug","quantity":1}]}`,
				"ReservationService/Confirm":        `{"owner":"orders","reservationId":"order-1"}`,
				"ReservationService/GetReservation": `{"owner":"orders","reservationId":"order-1"}`,
				"InventoryService/SetStock":         `{"sku":"mug","onHand":"100"}`,
			} {
				g.call(t, web, token, rpc, body)
			}
		}
	}
	everything()
	require.NoError(t, g.redis.Kill())
	everything()
	require.NoError(t, g.redis.Restart(t.Context()))
	require.NoError(t, g.db.SetReadOnly(t.Context(), true))
	everything()
	require.NoError(t, g.db.SetReadOnly(t.Context(), false))
	g.spoil(t, "DELETE FROM stocks")
	g.call(t, web, g.token, "ReservationService/Fulfill", `{"owner":"orders","reservationId":"order-1"}`) // a defect: its stock is gone
	g.spoil(t, "DROP TABLE reservation_lines")
	everything()
	require.NoError(t, g.db.Kill())
	everything()
	page := ""
	require.Eventually(t, func() bool {
		page = g.page(t, web)
		return strings.Contains(page, `stockhold_ledger_status{state="away"} 1`)
	}, time.Minute, 100*time.Millisecond)
	require.NoError(t, g.db.Restart(t.Context()))
	require.NoError(t, g.Stop(t.Context()))

	// All of it happened, and the secrets were in use.
	require.Equal(t, "Bearer "+collectorSecret, g.sent.shown)
	failed := func(s span) bool { return s.GetStatus().GetCode() == trace.Status_STATUS_CODE_ERROR }
	require.NotEmpty(t, g.sent.received(decideRPC, failed))
	require.NotEmpty(t, g.sent.received("ledger.batch", failed))
	require.NotEmpty(t, g.sent.received("stockhold.v1.ReservationService/Fulfill", func(s span) bool { return s.attributes["stockhold.reason"].GetStringValue() == "INTERNAL" }))
	require.Contains(t, g.Log(), "an owner did not say what it decided")
	require.Contains(t, g.Log(), `"msg":"a call failed"`)

	told := map[string]string{"traces": g.sent.bodies["/v1/traces"], "metrics": g.sent.bodies["/v1/metrics"], "/metrics": page, "the log": g.Log(), "standard output": g.Output()}
	for where, text := range told {
		for _, secret := range []string{"hunter2", g.token, g.forged, g.scrapes, g.token[:40], g.forged[:40]} {
			require.NotContains(t, text, secret, where)
		}
	}
	for _, word := range []string{g.db.Addr(), g.redis.Addr(), fmt.Sprint(g.db.Port()), "SELECT", "INSERT", "UPDATE", "reservation_lines", "dial tcp", "refused", "you are", "Error 1"} {
		require.NotContains(t, told["traces"], word)
	}
	for line := range strings.Lines(g.Log()) {
		require.True(t, strings.HasPrefix(line, `{"time":`), "a line of another kind: %s", line)
	}
}
