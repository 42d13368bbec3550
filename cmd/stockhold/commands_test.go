package main_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/internal/testservers"
)

func TestExitCodes(t *testing.T) {
	database := "STOCKHOLD_MYSQL_DSN=" + testservers.Database(t)
	missing := "--data=" + filepath.Join(t.TempDir(), "missing")
	for _, tt := range []struct {
		name string
		env  []string
		args []string
		code int
		says string // on standard error
	}{
		{"help", nil, []string{"--help"}, 0, ""},
		{"help of a command", nil, []string{"serve", "--help"}, 0, ""},
		{"version", nil, []string{"version"}, 0, ""},
		{"no command", nil, nil, 2, "expected one of"},
		{"no such command", nil, []string{"reserve"}, 2, "did you mean"},
		{"no such flag", nil, []string{"serve", "--port=80"}, 2, "unknown flag --port"},
		{"no such variable", []string{"STOCKHOLD_LISTN=:80"}, []string{"serve"}, 2, "STOCKHOLD_LISTEN?"},
		{"bad value", []string{"STOCKHOLD_LIMIT_LINES=0"}, []string{"serve"}, 2, "STOCKHOLD_LIMIT_LINES"},
		{"Redis without MySQL", []string{"STOCKHOLD_REDIS_URL=redis://r"}, []string{"serve"}, 2, "--mysql-dsn"},
		{"resolve both ways", nil, []string{"resolve", "--id=a", "--confirm", "--release", "--reason=x"}, 2, "can't be used together"},
		{"resolve without a word", nil, []string{"resolve", "--id=a", "--reason=x"}, 2, "--confirm"},
		{"resolve without a reason", nil, []string{"resolve", "--id=a", "--confirm"}, 2, "--reason"},
		{"resolve with an empty reason", nil, []string{"resolve", "--id=a", "--confirm", "--reason= "}, 2, "--reason is empty"},
		{"resolve nowhere", nil, []string{"resolve", "--id=a", "--confirm", "--reason=x", "--direct", missing}, 1, "no embedded ledger"},
		{"report of a sweep that does not end", nil, []string{"sweep", "--json"}, 2, "--once"},
		{"sweep nowhere", nil, []string{"sweep", "--once", missing}, 1, "no embedded ledger"},
		{"status before migrate", []string{database}, []string{"migrate", "--status"}, 1, "stockhold migrate"},
		{"serve before migrate", []string{database}, []string{"serve", "--listen=127.0.0.1:0"}, 1, "stockhold migrate"},
		{"sweep before migrate", []string{database}, []string{"sweep", "--once"}, 1, "stockhold migrate"},
		{"migrate", []string{database}, []string{"migrate"}, 0, ""},
		{"migrate again", []string{database}, []string{"migrate"}, 0, ""},
		{"status after migrate", []string{database}, []string{"migrate", "--status"}, 0, ""},
		{"sweep after migrate", []string{database}, []string{"sweep", "--once"}, 0, ""},
		{"resolve what is not there", []string{database}, []string{"resolve", "--id=a", "--confirm", "--reason=x", "--direct"}, 3, "no reservation default/a"},
		{"no such port", nil, []string{"serve", "--listen=192.0.2.1:1", "--insecure"}, 1, "192.0.2.1:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := run(t, setup{env: tt.env, args: tt.args})
			require.Equal(t, tt.code, p.code)
			if tt.says == "" {
				require.Empty(t, p.err.String())
			}
			require.Contains(t, p.err.String(), tt.says)
		})
	}
}

// With no configuration at all a newcomer gets a server, and is told what to
// type next. What is told works.
func TestFirstMinutes(t *testing.T) {
	p := launch(t, setup{args: []string{"serve", "--listen", "127.0.0.1:0"}})
	url := p.url()
	require.Eventually(t, func() bool { return bytes.Contains([]byte(p.out.String()), []byte("Ctrl-C")) }, patience, 10*time.Millisecond)
	require.Contains(t, p.out.String(), url)
	require.Contains(t, p.out.String(), "./stockhold-data")
	require.FileExists(t, filepath.Join(p.cmd.Dir, "stockhold-data", "stockhold.db"))

	examples := regexp.MustCompile(`curl -H 'Content-Type: (\S+)' (\S+) \\\n\s+-d '(.*)'`).FindAllStringSubmatch(p.out.String(), -1)
	require.Len(t, examples, 3)
	var last string
	for _, e := range examples {
		response, err := client(t, http1).Post(e[2], e[1], bytes.NewReader([]byte(e[3])))
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode, string(text))
		last = string(text)
	}
	require.Contains(t, last, "STATE_CONFIRMED")

	p.signal(syscall.SIGINT)
	require.Zero(t, p.wait())
}

func TestJSONLogIsAllThereIs(t *testing.T) {
	p := launch(t, setup{args: []string{"serve", "--listen", "127.0.0.1:0", "--log-format", "json"}})
	p.says(`"msg":"serving"`)
	p.signal(syscall.SIGTERM)
	require.Zero(t, p.wait())
	require.Empty(t, p.out.String())
	for line := range bytes.Lines([]byte(p.err.String())) {
		require.True(t, json.Valid(line), "%s", line)
	}
}

// Whoever collects lines of JSON gets the one that matters most as well, from
// commands whose standard error is a log; to people it is said in words.
func TestJSONLogsEndInJSON(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		env  []string
		code int
	}{
		{"a setting that is wrong", []string{"serve", "--deciders", "orders=ftp://x"}, nil, 2},
		{"a start that fails", []string{"serve", "--data", "/dev/null/x"}, nil, 1},
		{"no database", []string{"migrate", "--mysql-wait", "0s"}, []string{"STOCKHOLD_MYSQL_DSN=u@tcp(127.0.0.1:1)/x"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := run(t, setup{args: append(tt.args, "--log-format", "json"), env: tt.env})
			require.Equal(t, tt.code, p.wait())
			var last struct {
				Level, Msg, Error string
				Code              int `json:"exit_code"`
			}
			lines := strings.Split(strings.TrimSpace(p.err.String()), "\n")
			for _, line := range lines {
				require.NoError(t, json.Unmarshal([]byte(line), &last), line)
			}
			require.Equal(t, []any{"ERROR", "ended", tt.code}, []any{last.Level, last.Msg, last.Code})
			require.NotEmpty(t, last.Error)
		})
	}
	p := run(t, setup{args: []string{"stock", "get", "mug", "--server", "http://127.0.0.1:1", "--timeout", "1s"}, env: []string{"STOCKHOLD_LOG_FORMAT=json"}})
	require.Equal(t, 4, p.wait())
	require.True(t, strings.HasPrefix(p.err.String(), "stockhold: "), p.err.String())
}

func TestReportOfASweep(t *testing.T) {
	folder := t.TempDir()
	serve := launch(t, setup{folder: folder, args: []string{"serve", "--listen", "127.0.0.1:0"}})
	serve.url()
	table := run(t, setup{folder: folder, args: []string{"sweep", "--once"}})
	require.Zero(t, table.code)
	require.Regexp(t, `(?m)^due +0 `, table.out.String())

	machine := run(t, setup{folder: folder, args: []string{"sweep", "--once", "--json"}})
	require.Zero(t, machine.code)
	var report map[string]int
	require.NoError(t, json.Unmarshal([]byte(machine.out.String()), &report))
	require.Positive(t, report["passes"])
	require.Contains(t, report, "failed")
}

// A server that leaves the sweep to others tells how far behind they are.
func TestServeWithoutSweep(t *testing.T) {
	folder := t.TempDir()
	args := []string{"serve", "--listen", "127.0.0.1:0", "--no-sweep", "--limit-min-ttl", "1ms"}
	url := launch(t, setup{folder: folder, args: args}).url()
	c := client(t, http1)
	inventory := stockholdv1connect.NewInventoryServiceClient(c, url)
	reservations := stockholdv1connect.NewReservationServiceClient(c, url)
	_, err := inventory.SetStock(t.Context(), &stockholdv1.SetStockRequest{Sku: "mug", OnHand: 2})
	require.NoError(t, err)
	_, err = reservations.Try(t.Context(), &stockholdv1.TryRequest{
		ReservationId: "order-1", Ttl: durationpb.New(time.Millisecond), Lines: []*stockholdv1.Line{{Sku: "mug", Quantity: 1}},
	})
	require.NoError(t, err)
	overdue := func(count string) {
		require.Eventually(t, func() bool {
			response, err := c.Get(url + "/metrics")
			if err != nil {
				return false
			}
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			return err == nil && bytes.Contains(text, []byte("\nstockhold_undecided_overdue "+count+"\n"))
		}, patience, 100*time.Millisecond)
	}

	overdue("1")
	require.Zero(t, run(t, setup{folder: folder, args: []string{"sweep", "--once"}}).code)
	overdue("0")
}

func TestVersionForMachines(t *testing.T) {
	p := run(t, setup{args: []string{"version", "--json"}})
	var build struct{ Version, Go, Platform string }
	require.NoError(t, json.Unmarshal([]byte(p.out.String()), &build))
	require.NotEmpty(t, build.Version)
	require.NotEmpty(t, build.Go)
	require.NotEmpty(t, build.Platform)
}
