package app_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/internal/app"
	"stockhold/internal/config"
	"stockhold/internal/leaktest"
	"stockhold/internal/testservers"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// patience bounds everything that a test waits for.
const patience = 30 * time.Second

// embedded configures a server that needs nothing.
func embedded(t *testing.T) config.Config {
	cfg := config.Default()
	cfg.Stores.Data = t.TempDir()
	cfg.Server.Listen = "127.0.0.1:0"
	return cfg
}

// real configures a server on an empty database and its own keys in a Redis.
func real(t *testing.T) config.Config {
	cfg := config.Default()
	cfg.Stores.MySQLDSN = testservers.Database(t)
	cfg.Stores.RedisURL = testservers.Redis(t).URL()
	cfg.Stores.RedisPrefix = testservers.Prefix(t)
	cfg.Server.Listen = "127.0.0.1:0"
	cfg.Server.Migrate = true
	return cfg
}

// start starts a server that the test's end stops, and its log.
func start(t *testing.T, cfg config.Config) (*app.App, *journal) {
	t.Helper()
	require.NoError(t, cfg.Complete())
	log := &journal{}
	a := app.New(cfg, app.Options{Logger: log.logger()})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, a.Start(ctx))
	t.Cleanup(func() { require.NoError(t, a.Stop()) })
	return a, log
}

// refused starts a server that must not start, and returns why.
func refused(t *testing.T, cfg config.Config) error {
	t.Helper()
	require.NoError(t, cfg.Complete())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := app.New(cfg, app.Options{Logger: new(journal).logger()}).Start(ctx)
	require.Error(t, err)
	return err
}

// journal keeps a log.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// shop is a client of one server.
type shop struct {
	t            *testing.T
	url          string
	client       *http.Client
	reservations stockholdv1connect.ReservationServiceClient
	inventory    stockholdv1connect.InventoryServiceClient
}

func visit(t *testing.T, a *app.App) *shop {
	client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
	t.Cleanup(client.CloseIdleConnections)
	url := "http://" + a.Addr()
	return &shop{t, url, client, stockholdv1connect.NewReservationServiceClient(client, url), stockholdv1connect.NewInventoryServiceClient(client, url)}
}

func (s *shop) stock(sku string, units int64) {
	s.t.Helper()
	_, err := s.inventory.SetStock(s.t.Context(), &stockholdv1.SetStockRequest{Sku: sku, OnHand: units})
	require.NoError(s.t, err)
}

func (s *shop) try(id, sku string, units int32) error {
	_, err := s.reservations.Try(s.t.Context(), &stockholdv1.TryRequest{
		ReservationId: id, Lines: []*stockholdv1.Line{{Sku: sku, Quantity: units}},
	})
	return err
}

func (s *shop) state(id string) stockholdv1.State {
	s.t.Helper()
	answer, err := s.reservations.GetReservation(s.t.Context(), &stockholdv1.GetReservationRequest{ReservationId: id})
	require.NoError(s.t, err)
	return answer.GetReservation().GetState()
}

// get reads a page; status 0 when there is no answer.
func (s *shop) get(path string) (status int, text string) {
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, nil)
	require.NoError(s.t, err)
	response, err := s.client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(body)
}

// until waits for a page to have a status and a text in it.
func (s *shop) until(path string, status int, part string) {
	s.t.Helper()
	require.EventuallyWithT(s.t, func(c *assert.CollectT) {
		got, text := s.get(path)
		require.Equal(c, status, got, text)
		require.Contains(c, text, part)
	}, patience, 50*time.Millisecond)
}

// metric reads the value of a metric by its name with labels, "" when it is not there.
func (s *shop) metric(name string) string {
	_, text := s.get("/metrics")
	for line := range strings.Lines(text) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
