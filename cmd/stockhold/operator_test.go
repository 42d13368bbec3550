package main_test

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/faults"
	"stockhold/internal/testservers"
)

var update = flag.Bool("update", false, "write the golden files in testdata")

// counter is a server and the commands of whoever stands before it.
type counter struct {
	t      *testing.T
	env    []string // of the server and the commands
	server *process
}

// onEachStore runs a test against a server on embedded stores, and against one on
// MariaDB and Redis.
func onEachStore(t *testing.T, args []string, test func(t *testing.T, c *counter)) {
	t.Run("embedded", func(t *testing.T) { test(t, openCounter(t, []string{"STOCKHOLD_DATA=" + t.TempDir()}, args...)) })
	t.Run("servers", func(t *testing.T) {
		env := []string{
			"STOCKHOLD_MYSQL_DSN=" + testservers.Database(t),
			"STOCKHOLD_REDIS_URL=" + testservers.Redis(t).URL(), "STOCKHOLD_REDIS_PREFIX=" + testservers.Prefix(t),
		}
		require.Zero(t, run(t, setup{env: env, args: []string{"migrate"}}).code)
		test(t, openCounter(t, env, args...))
	})
}

func openCounter(t *testing.T, env []string, args ...string) *counter {
	t.Helper()
	c := &counter{t: t, env: env}
	c.server = launch(t, setup{env: env, args: append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)})
	c.env = append(c.env, "STOCKHOLD_SERVER="+c.server.url())
	return c
}

// do runs a command and expects its exit code.
func (c *counter) do(code int, args ...string) *process {
	c.t.Helper()
	p := run(c.t, setup{env: c.env, args: args})
	require.Equal(c.t, code, p.code, "%v\n%s%s", args, &p.out, &p.err)
	return p
}

// clean runs the audit: of the ledger alone where the gate is inside of the server.
func (c *counter) clean() {
	c.t.Helper()
	c.do(0, "audit")
}

var (
	aTime  = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	anID   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	aWhile = regexp.MustCompile(`rows in [0-9.]+m?s`)
	aSecs  = regexp.MustCompile(`"seconds":[0-9.e-]+`)
)

func scrubbed(text string) string {
	text = aTime.ReplaceAllString(text, "2026-01-02T03:04:05Z")
	text = anID.ReplaceAllString(text, "01234567-89ab-cdef-0123-456789abcdef")
	text = aWhile.ReplaceAllString(text, "rows in 1s")
	return aSecs.ReplaceAllString(text, `"seconds":1`)
}

// What an operator types in a day, what is answered, and the exit codes: to the
// letter, on either kind of stores.
func TestADayAtTheCounter(t *testing.T) {
	const golden = "testdata/counter.txt"
	file := filepath.Join(t.TempDir(), "stock.csv")
	require.NoError(t, os.WriteFile(file, []byte("sku,on_hand,location_id\nmug,12,default\nspoon,40,berlin\n"), 0o600))
	session := [][]string{
		{"stock", "set", "mug", "10", "--reason", "count"},
		{"stock", "set", "mug", "10", "--expected", "3"},
		{"stock", "adjust", "mug", "--add", "5", "--adjustment-id", "delivery-17", "--output", "json"},
		{"stock", "adjust", "mug", "--add", "5", "--adjustment-id", "delivery-17"},
		{"stock", "adjust", "mug", "--take", "99"},
		{"stock", "adjust", "mug"},
		{"stock", "get", "mug"},
		{"stock", "get", "mug", "-o", "json"},
		{"stock", "get", "cup"},
		{"stock", "get", "a b"},
		{"hold", "try", "--sku", "mug=2"},
		{"hold", "try", "--owner", "orders", "--id", "order-1", "--sku", "mug=2", "--ttl", "10m", "--reference", "cart 7"},
		{"hold", "try", "--owner", "orders", "--id", "order-1", "--sku", "mug=2"},
		{"hold", "try", "--owner", "orders", "--id", "order-1", "--sku", "mug=3"},
		{"hold", "try", "--owner", "orders", "--id", "order-2", "--sku", "mug=100"},
		{"hold", "try", "--owner", "orders", "--id", "order-2", "--line", "default/mug=1", "-o", "json"},
		{"hold", "try", "--sku", "mug"},
		{"hold", "try"},
		{"hold", "confirm", "--owner", "orders", "order-1"},
		{"hold", "confirm", "--owner", "orders", "--id", "order-1", "--output", "json"},
		{"hold", "cancel", "--owner", "orders", "order-1"},
		{"hold", "cancel", "--owner", "orders", "order-2", "--reason", "changed their mind"},
		{"hold", "get", "--owner", "orders", "order-2"},
		{"hold", "get", "nobody"},
		{"hold", "get"},
		{"hold", "list", "--owner", "orders"},
		{"hold", "list", "--owner", "orders", "--state", "confirmed", "--sku", "mug", "-o", "json"},
		{"hold", "list", "--state", "gone"},
		{"parked"},
		{"resolve", "--owner", "orders", "--id", "order-2", "--release", "--reason", "ticket 815"},
		{"resolve", "--owner", "orders", "--id", "order-2", "--confirm", "--reason", "ticket 815"},
		{"stock", "import", file, "--dry-run"},
		{"stock", "import", file},
		{"stock", "import", file, "-o", "json"},
		{"stock", "list", "-o", "json"},
		{"stock", "list", "--sku", "spoon"},
		{"gate", "rebuild", "--sku", "mug", "--sku", "cup", "-o", "json"},
	}
	onEachStore(t, []string{"--no-sweep"}, func(t *testing.T, c *counter) {
		var transcript strings.Builder
		for _, args := range session {
			p := run(t, setup{env: c.env, args: args})
			shown := strings.ReplaceAll(strings.Join(args, " "), file, "stock.csv")
			fmt.Fprintf(&transcript, "$ stockhold %s\n%s", shown, scrubbed(p.out.String()))
			for line := range strings.Lines(scrubbed(p.err.String())) {
				fmt.Fprintf(&transcript, "! %s", line)
			}
			fmt.Fprintf(&transcript, "=> %d\n\n", p.code)
		}
		if *update {
			require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
			require.NoError(t, os.WriteFile(golden, []byte(transcript.String()), 0o644))
			return
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.Equal(t, string(want), transcript.String())
		c.clean()
	})
}

// Scripts can tell why a command did not do what it was asked.
func TestExitCodesOfCommandsThatCall(t *testing.T) {
	c := openCounter(t, nil)
	missing := filepath.Join(t.TempDir(), "missing")
	for _, tt := range []struct {
		name string
		code int
		args []string
		says string
	}{
		{"done", 0, []string{"parked"}, ""},
		{"a flag", 2, []string{"parked", "--limit", "x"}, "--limit"},
		{"an address", 2, []string{"parked", "--server", "localhost:8080"}, "STOCKHOLD_SERVER"},
		{"half a certificate", 2, []string{"parked", "--client-cert", missing}, "--client-key"},
		{"no authorities", 2, []string{"parked", "--server", "https://127.0.0.1:1", "--server-ca", missing}, "missing"},
		{"no token", 2, []string{"parked", "--token-file", missing}, "the token cannot be read"},
		{"a field", 2, []string{"parked", "--owner", "a b"}, "INVALID"},
		{"no file", 2, []string{"stock", "import", missing}, "missing"},
		{"refused", 3, []string{"hold", "get", "nobody"}, "NOT_FOUND"},
		{"nobody there", 4, []string{"parked", "--server", "http://127.0.0.1:1", "--timeout", "500ms"}, "cannot be reached"},
		{"nobody there to change", 4, []string{"stock", "adjust", "mug", "--add", "1", "--server", "http://127.0.0.1:1"}, "--adjustment-id"},
		{"nothing on standard input", 2, []string{"stock", "import", "-"}, "the file is empty"},
		{"another service", 1, []string{"hold", "get", "a", "--server", c.server.url() + "/elsewhere"}, "no stockhold"},
		{"resolve nowhere", 1, []string{"resolve", "--direct", "--id", "a", "--confirm", "--reason", "x", "--data", missing}, "no embedded ledger"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := run(t, setup{env: c.env, args: tt.args})
			require.Equal(t, tt.code, p.code, "%s%s", &p.out, &p.err)
			require.Contains(t, p.err.String(), tt.says)
		})
	}
}

// A decider that never knows has its holds parked; an operator sees them, says a
// word on each, and they are gone from the list.
func TestParkedHoldsAreShownAndResolved(t *testing.T) {
	decider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.Header.Get("Content-Type")) // an empty answer leaves every question out: UNKNOWN
	}))
	t.Cleanup(decider.Close)
	args := []string{"--deciders", "orders=" + decider.URL, "--sweep-park-after", "1", "--sweep-interval", "50ms", "--limit-min-ttl", "1ms"}
	onEachStore(t, args, func(t *testing.T, c *counter) {
		c.do(0, "stock", "set", "mug", "10")
		for _, id := range []string{"order-1", "order-2"} {
			c.do(0, "hold", "try", "--owner", "orders", "--id", id, "--sku", "mug=2", "--ttl", "1ms", "--reference", "ref-"+id)
		}
		faults.Eventually(t, func() bool {
			return strings.Count(c.do(0, "parked", "-o", "json").out.String(), "\n") == 2
		}, patience, 100*time.Millisecond)
		shown := c.do(0, "parked", "--owner", "orders").out.String()
		require.Regexp(t, `orders +order-1 +2 of default/mug +\S+Z +\d+ times +\S+Z +ref-order-1\n`, shown)
		require.Empty(t, c.do(0, "parked", "--owner", "shop", "-o", "json").out.String())
		require.Contains(t, c.do(0, "hold", "get", "--owner", "orders", "order-1").out.String(), "RESERVED, parked")

		c.do(0, "resolve", "--owner", "orders", "--id", "order-1", "--confirm", "--reason", "paid")
		again := c.do(0, "resolve", "--owner", "orders", "--id", "order-1", "--confirm", "--reason", "other words")
		require.Contains(t, again.out.String(), "CONFIRMED already")
		require.Regexp(t, `reason +paid\n`, again.out.String())
		c.do(3, "resolve", "--owner", "orders", "--id", "order-1", "--release", "--reason", "too late")
		c.do(0, "resolve", "--direct", "--owner", "orders", "--id", "order-2", "--release", "--reason", "no order")
		require.Empty(t, c.do(0, "parked", "-o", "json").out.String())
		require.Regexp(t, `mug +default +10 +0 +2 +8 `, c.do(0, "stock", "get", "mug").out.String())
		c.clean()
	})
}

// The exit codes of the help are those of the documentation.
func TestExitCodesAreDocumented(t *testing.T) {
	p := run(t, setup{args: []string{"--help"}})
	require.Zero(t, p.code)
	doc, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	table := regexp.MustCompile(`(?s)<!-- exit codes -->(.*)<!-- end -->`).FindSubmatch(doc)
	require.NotNil(t, table)
	rows := regexp.MustCompile(`(?m)^\| (\d) \| (.*) \|$`).FindAllStringSubmatch(string(table[1]), -1)
	require.Len(t, rows, 6)
	for _, row := range rows {
		require.Contains(t, p.out.String(), "  "+row[1]+"  "+row[2]+"\n")
	}
}

func TestCompletion(t *testing.T) {
	complete := func(words ...string) string {
		p := run(t, setup{args: append([]string{"complete", "--"}, words...)})
		require.Zero(t, p.code, p.err.String())
		return p.out.String()
	}
	require.Regexp(t, `(?m)^stock\t`, complete("s"))
	require.NotContains(t, complete(""), "complete\t", "what only shells use is not offered")
	require.Regexp(t, `(?m)^import\t`, complete("stock", ""))
	require.Equal(t, "reserved\nreturned\n", complete("hold", "list", "--state", "re"))
	require.Equal(t, "--state=expired\n", complete("hold", "list", "--state=e"))
	require.Equal(t, ":\n", complete("stock", "import", ""))
	flags := complete("stock", "get", "--")
	require.Contains(t, flags, "--server\t")
	require.Contains(t, flags, "--location\t")
	require.NotContains(t, flags, "--mysql-dsn", "a command's own settings only")
	for _, shell := range []string{"bash", "zsh", "fish"} {
		require.Contains(t, run(t, setup{args: []string{"completion", shell}}).out.String(), "stockhold complete --")
	}
	require.Equal(t, 2, run(t, setup{args: []string{"completion", "tcsh"}}).code)
}

// bash itself loads the script and completes with it.
func TestCompletionInBash(t *testing.T) {
	script := `PATH="` + filepath.Dir(plain) + `:$PATH"
source <(stockhold completion bash)
COMP_WORDS=(stockhold hold list --state = re) COMP_CWORD=5
_stockhold
echo "${COMPREPLY[*]}"`
	out, err := shell(t, script)
	require.NoError(t, err)
	require.Equal(t, "reserved returned\n", out)
}
