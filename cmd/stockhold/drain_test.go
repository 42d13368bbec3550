package main_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/internal/faults"
	"stockhold/internal/testservers"
)

// halted is a server on a MariaDB that can be halted, so that calls stay under
// way for as long as a test likes.
type halted struct {
	db    *testservers.MariaDBServer
	env   []string
	serve *process
	plain stockholdv1connect.ReservationServiceClient // JSON over HTTP/1
	grpc  stockholdv1connect.ReservationServiceClient // over HTTP/2
}

const callsUnderWay = 12

func startHalted(t *testing.T, args ...string) *halted {
	t.Helper()
	h := &halted{db: testservers.NewMariaDB(t, testservers.MariaDBOptions{})}
	h.env = []string{
		"STOCKHOLD_MYSQL_DSN=" + testservers.DatabaseOn(t, h.db),
		"STOCKHOLD_REDIS_URL=" + testservers.Redis(t).URL(),
		"STOCKHOLD_REDIS_PREFIX=" + testservers.Prefix(t),
		"STOCKHOLD_LISTEN=127.0.0.1:0",
		"STOCKHOLD_SWEEP=false", // nothing but the calls
	}
	require.Zero(t, run(t, setup{env: h.env, args: []string{"migrate"}}).code)
	h.restart(t, args...)
	inventory := stockholdv1connect.NewInventoryServiceClient(client(t, http1), h.serve.url())
	_, err := inventory.SetStock(t.Context(), &stockholdv1.SetStockRequest{Sku: "mug", OnHand: 100})
	require.NoError(t, err)
	return h
}

func (h *halted) restart(t *testing.T, args ...string) {
	h.serve = launch(t, setup{env: h.env, args: append([]string{"serve"}, args...)})
	url := h.serve.url()
	h.plain = stockholdv1connect.NewReservationServiceClient(client(t, http1), url, connect.WithProtoJSON())
	h.grpc = stockholdv1connect.NewReservationServiceClient(client(t, http2), url, connect.WithGRPC())
}

func (h *halted) try(ctx context.Context, call int) error {
	c := h.plain
	if call%2 == 1 {
		c = h.grpc
	}
	_, err := c.Try(ctx, &stockholdv1.TryRequest{
		ReservationId: fmt.Sprintf("order-%d", call), Lines: []*stockholdv1.Line{{Sku: "mug", Quantity: 1}},
	})
	return err
}

// halt stops the database and returns once so many calls wait for it.
func (h *halted) halt(t *testing.T, calls int) (answers []error, answered *sync.WaitGroup) {
	t.Helper()
	require.NoError(t, h.try(t.Context(), 1_000_000))
	require.NoError(t, h.db.Signal(syscall.SIGSTOP))
	answers, answered = make([]error, calls), new(sync.WaitGroup)
	for i := range calls {
		answered.Go(func() { answers[i] = h.try(context.Background(), i) })
	}
	watcher := client(t, http1)
	faults.Eventually(t, func() bool {
		response, err := watcher.Get(h.serve.url() + "/metrics")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		return err == nil && pastTheGate(t, string(text)) > calls
	}, patience, 10*time.Millisecond)
	watcher.CloseIdleConnections()
	return answers, answered
}

// past matches the Trys that go on to the ledger: frozen, in the gate already (the
// client library asks again where an answer was late), or without the gate, which
// may not know the row yet: that is told after the answer to the Try before.
var past = regexp.MustCompile(`(?m)^stockhold_gate_freezes_total\{outcome="(?:frozen|duplicate|not_loaded|away)"\} (\d+)$`)

func pastTheGate(t *testing.T, metrics string) int {
	sum := 0
	for _, found := range past.FindAllStringSubmatch(metrics, -1) {
		n, err := strconv.Atoi(found[1])
		require.NoError(t, err)
		sum += n
	}
	return sum
}

func (h *halted) goOn(t *testing.T) { require.NoError(t, h.db.Signal(syscall.SIGCONT)) }

// refuses waits until no new connection is accepted.
func (h *halted) refuses(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		response, err := client(t, http1).Get(h.serve.url() + "/healthz")
		if err != nil {
			return true
		}
		_ = response.Body.Close()
		return false
	}, patience, 10*time.Millisecond)
}

func TestDrainAnswersCallsUnderWay(t *testing.T) {
	h := startHalted(t)
	answers, answered := h.halt(t, callsUnderWay)
	h.serve.signal(syscall.SIGTERM)
	h.serve.says("msg=draining")
	h.refuses(t)
	h.goOn(t)
	answered.Wait()
	for i, err := range answers {
		require.NoError(t, err, "call %d", i)
	}
	require.Zero(t, h.serve.wait())
	h.serve.says("msg=stopped")

	h.restart(t)
	for i := range answers {
		requireHeld(t, h.plain, fmt.Sprintf("order-%d", i))
	}
}

func requireHeld(t *testing.T, c stockholdv1connect.ReservationServiceClient, id string) {
	t.Helper()
	answer, err := c.GetReservation(t.Context(), &stockholdv1.GetReservationRequest{ReservationId: id})
	require.NoError(t, err)
	require.Equal(t, stockholdv1.State_STATE_RESERVED, answer.GetReservation().GetState())
}

// A drain that takes too long cuts calls off and says so; their callers repeat
// them, and hold once.
func TestDrainTimeoutCutsCallsOff(t *testing.T) {
	h := startHalted(t, "--drain-timeout", "200ms")
	answers, answered := h.halt(t, callsUnderWay)
	h.serve.signal(syscall.SIGTERM)
	answered.Wait()
	for i, err := range answers {
		require.Error(t, err, "call %d", i)
	}
	h.goOn(t)
	require.Equal(t, 1, h.serve.wait())
	h.serve.says(fmt.Sprintf("%d calls were not answered within 200ms and were cut off", callsUnderWay))

	h.restart(t)
	for i := range answers {
		require.NoError(t, h.try(t.Context(), i))
		requireHeld(t, h.plain, fmt.Sprintf("order-%d", i))
	}
}

func TestSecondSignalDoesNotWait(t *testing.T) {
	h := startHalted(t, "--drain-timeout", "10m")
	_, answered := h.halt(t, 1)
	h.serve.signal(syscall.SIGTERM)
	h.serve.says("msg=draining")
	h.serve.signal(syscall.SIGTERM)
	h.serve.wait()
	require.Equal(t, -1, h.serve.code)
	status := h.serve.cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.Equal(t, syscall.SIGTERM, status.Signal())
	answered.Wait()
	h.goOn(t)
}

// Under load, stopped at no chosen moment: whatever was answered OK is held.
func TestStopUnderLoadLosesNothing(t *testing.T) {
	folder := t.TempDir()
	s := setup{folder: folder, args: []string{"serve", "--listen", "127.0.0.1:0"}}
	serve := launch(t, s)
	url := serve.url()
	inventory := stockholdv1connect.NewInventoryServiceClient(client(t, http1), url)
	_, err := inventory.SetStock(t.Context(), &stockholdv1.SetStockRequest{Sku: "mug", OnHand: 1_000_000})
	require.NoError(t, err)

	var callers sync.WaitGroup
	held := make([][]string, 8)
	enough := make(chan struct{})
	var once sync.Once
	for caller := range held {
		callers.Go(func() {
			protocols := []func(*http.Protocols){http1, http2}[caller%2]
			c := stockholdv1connect.NewReservationServiceClient(client(t, protocols), url)
			for n := 0; ; n++ {
				id := fmt.Sprintf("order-%d-%d", caller, n)
				_, err := c.Try(t.Context(), &stockholdv1.TryRequest{
					ReservationId: id, Lines: []*stockholdv1.Line{{Sku: "mug", Quantity: 1}},
				})
				if err != nil {
					return
				}
				held[caller] = append(held[caller], id)
				if n == 20 {
					once.Do(func() { close(enough) })
				}
			}
		})
	}
	<-enough
	serve.signal(syscall.SIGTERM)
	callers.Wait()
	require.Zero(t, serve.wait())

	again := launch(t, s)
	reservations := stockholdv1connect.NewReservationServiceClient(client(t, http1), again.url())
	for _, ids := range held {
		for _, id := range ids {
			requireHeld(t, reservations, id)
		}
	}
}
