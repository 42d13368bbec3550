package main_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/internal/testservers"
)

// live is a process with a configuration file that a test rewrites.
type live struct {
	*process
	t    *testing.T
	file string
}

const reloaded = "the configuration was "

func serveLive(t *testing.T, text string, args ...string) *live {
	t.Helper()
	file := configured(t, text)
	args = append([]string{"serve", "--listen=127.0.0.1:0", "--config", file}, args...)
	return &live{process: launch(t, setup{args: args}), t: t, file: file}
}

// write replaces the file as a whole, as a volume of Kubernetes does.
func (l *live) write(text string) {
	l.t.Helper()
	next := filepath.Join(filepath.Dir(l.file), "next")
	require.NoError(l.t, os.WriteFile(next, []byte(text), 0o600))
	require.NoError(l.t, os.Rename(next, l.file))
}

// reload has the process read a text, and waits until its log tells of it in a line
// that has a part in it.
func (l *live) reload(text, part string) {
	l.t.Helper()
	l.write(text)
	before := len(l.err.String())
	l.signal(syscall.SIGHUP)
	require.Eventually(l.t, func() bool {
		for line := range strings.Lines(l.err.String()[before:]) {
			if strings.Contains(line, reloaded) && strings.Contains(line, part) {
				return true
			}
		}
		return false
	}, patience, time.Millisecond, part)
}

func lines(n int, quantity int32) (all []*stockholdv1.Line) {
	for i := range n {
		all = append(all, &stockholdv1.Line{Sku: fmt.Sprintf("mug-%d", i), Quantity: quantity})
	}
	return all
}

func shops(t *testing.T, url string) (stockholdv1connect.ReservationServiceClient, stockholdv1connect.InventoryServiceClient) {
	c := client(t, http2)
	return stockholdv1connect.NewReservationServiceClient(c, url, connect.WithGRPC()), stockholdv1connect.NewInventoryServiceClient(c, url)
}

// Calls go on while the configuration is reloaded again and again. None of them
// fails, and none gets past one limit of the old rules and another of the new.
func TestReloadUnderLoad(t *testing.T) {
	const (
		wide  = "limit-lines: 2\nlimit-quantity: 1\nlimit-batch: 1\n"
		deep  = "limit-lines: 1\nlimit-quantity: 2\nlimit-batch: 2\n"
		turns = 40
	)
	l := serveLive(t, wide)
	url := l.url()
	reservations, inventory := shops(t, url)
	for i := range 2 {
		_, err := inventory.SetStock(t.Context(), &stockholdv1.SetStockRequest{Sku: fmt.Sprintf("mug-%d", i), OnHand: 1_000_000})
		require.NoError(t, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var held, refused atomic.Int64
	var callers sync.WaitGroup
	for caller := range 6 {
		callers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				id := fmt.Sprintf("order-%d-%d", caller, n)
				_, err := reservations.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: id, Lines: lines(1, 1)})
				if err != nil {
					t.Errorf("a call that is well-formed by either was answered %v", err)
					return
				}
				held.Add(1)
				if _, err = reservations.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: id + "-both", Lines: lines(2, 2)}); connect.CodeOf(err) != connect.CodeInvalidArgument {
					t.Errorf("a call that is malformed by either was answered %v", err)
					return
				}
				item := &stockholdv1.TryRequest{ReservationId: id + "-item", Lines: lines(2, 1)}
				answer, err := reservations.BatchTry(t.Context(), &stockholdv1.BatchTryRequest{Requests: []*stockholdv1.TryRequest{item, item}})
				for _, outcome := range answer.GetOutcomes() {
					if outcome.GetSuccess() != nil {
						t.Errorf("a batch that is malformed by either was held: %v", outcome)
						return
					}
				}
				if err != nil && connect.CodeOf(err) != connect.CodeInvalidArgument {
					t.Errorf("a batch was answered %v", err)
					return
				}
				refused.Add(1)
			}
		})
	}
	for turn := range turns {
		if turn%2 == 0 {
			l.reload(deep, "limit-lines 2 -> 1")
		} else {
			l.reload(wide, "limit-lines 1 -> 2")
		}
		if turn%10 == 0 { // and some at once, of which each is obeyed or one with the next
			for range 20 {
				l.signal(syscall.SIGHUP)
			}
			before := held.Load()
			require.Eventually(t, func() bool { return held.Load() > before+10 || t.Failed() }, patience, time.Millisecond)
		}
	}
	stop()
	callers.Wait()
	require.Positive(t, refused.Load())
	l.signal(syscall.SIGTERM)
	require.Zero(t, l.wait())
}

// What can change does, what cannot is told, and what is wrong changes nothing.
func TestReload(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "dsn")
	l := serveLive(t, "limit-lines: 1\n")
	reservations, inventory := shops(t, l.url())
	for i := range 2 {
		_, err := inventory.SetStock(t.Context(), &stockholdv1.SetStockRequest{Sku: fmt.Sprintf("mug-%d", i), OnHand: 1000})
		require.NoError(t, err)
	}
	n := 0
	try := func(count int) error {
		n++
		_, err := reservations.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: fmt.Sprintf("order-%d", n), Lines: lines(count, 1)})
		return err
	}
	require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(try(2)))

	l.reload("limit-lines: 2\n", `reloaded" changed="limit-lines 1 -> 2"`)
	require.NoError(t, try(2))
	l.reload("limit-lines: 2\n", "changed=nothing")

	// invalid in each of the ways: nothing changes
	for name, text := range map[string]string{
		"no YAML": "limit-lines: [", "no such key": "limit-lines: 1\nlistn: x\n", "wrong type": "limit-lines: one\n",
		"out of range": "limit-lines: 0\n", "secret missing": "limit-lines: 1\nmysql-dsn-file: " + secret + "\n",
		"only with a restart": "limit-lines: 1\ncall-timeout: 1s\nsweep-reap-grace: 2s\n",
	} {
		l.reload(text, "level=ERROR")
		require.NoError(t, try(2), name)
	}
	require.NoError(t, os.Remove(l.file))
	l.signal(syscall.SIGHUP)
	l.says(`cannot be read: open .*stockhold.yaml: no such file`)
	require.NoError(t, try(2))

	// what waits for a restart is named, without passwords; the rest is taken
	require.NoError(t, os.WriteFile(secret, []byte("u:hunter2@tcp(192.0.2.1:3306)/stock\n"), 0o600))
	l.reload("limit-lines: 1\ncall-timeout: 20s\nmysql-dsn-file: "+secret+"\n", `changed="limit-lines 2 -> 1"`)
	l.says(`level=WARN msg="settings have changed that need a restart" settings="mysql-dsn none -> u:\*\*\*@tcp\(192.0.2.1:3306\)/stock, call-timeout 10s -> 20s"`)
	require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(try(2)))
	require.NotContains(t, l.err.String(), "hunter2")

	// the level, both ways: the change itself is told
	l.reload("log-level: debug\n", "log-level info -> debug")
	l.reload("log-level: error\n", "log-level debug -> error")
	l.write("log-level: error\nlimit-lines: 1\n")
	l.signal(syscall.SIGHUP)
	require.Eventually(t, func() bool { return try(2) != nil }, patience, 10*time.Millisecond)
	require.NotContains(t, l.err.String(), "limit-lines 2000 -> 1")

	response, err := client(t, http1).Get(l.url() + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Contains(t, string(text), `stockhold_config_reloads_total{outcome="refused"} 7`)
	require.Regexp(t, `stockhold_config_reloads_total{outcome="taken"} [56]\n`, string(text))
	l.signal(syscall.SIGTERM)
	require.Zero(t, l.wait())
}

// SIGHUP ends no drain.
func TestHangupDuringADrain(t *testing.T) {
	h := startHalted(t)
	answers, answered := h.halt(t, 2)
	h.serve.signal(syscall.SIGHUP)
	h.serve.says(reloaded)
	h.serve.signal(syscall.SIGTERM)
	h.serve.says("msg=draining")
	for range 5 {
		h.serve.signal(syscall.SIGHUP)
	}
	h.goOn(t)
	answered.Wait()
	for i, err := range answers {
		require.NoError(t, err, "call %d", i)
	}
	require.Zero(t, h.serve.wait())
}

// SIGHUP does not end a start that waits for its database, and is obeyed after it.
func TestHangupDuringTheStart(t *testing.T) {
	db := testservers.NewMariaDB(t, testservers.MariaDBOptions{})
	dsn := "--mysql-dsn=" + testservers.DatabaseOn(t, db)
	require.Zero(t, run(t, setup{args: []string{"migrate", dsn}}).code)
	require.NoError(t, db.Kill())
	l := serveLive(t, "limit-lines: 1\n", dsn)
	l.says("does not answer yet")
	l.write("limit-lines: 2\n")
	for range 5 {
		l.signal(syscall.SIGHUP)
	}
	require.NoError(t, db.Restart(t.Context()))
	l.url()
	l.says("limit-lines 1 -> 2")
	l.signal(syscall.SIGTERM)
	require.Zero(t, l.wait())
}
