//go:build faults

package clocks_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/faults"
	"stockhold/internal/testservers"
)

// Two servers, both sweeping: one is ten hours ahead, the other ten hours behind.
// Each makes holds that live as long as their ttl by the database's clock, neither
// ends the other's early or late, and a shop that uses both notices nothing.
func TestProcessClocksAreWrong(t *testing.T) {
	site := faults.NewSite(t, faults.SiteOptions{})
	skewed := buildSkewed(t)
	requireDeadlines(t, site, func(i int) (*faults.Process, *faults.Client) {
		offset := []time.Duration{10 * time.Hour, -10 * time.Hour}[i]
		site.Program, site.Settings[skewVariable] = skewed, fmt.Sprint(int(offset.Seconds()))
		process, client := faults.StartServer(t, site)
		site.Program = faults.Built()
		delete(site.Settings, skewVariable)
		off := time.Since(ownTime(t, process))
		require.InDelta(t, -offset.Hours(), off.Hours(), 1, "its log tells the time")
		return process, client
	})
}

// MariaDB's clock is ten hours ahead of everyone else's. Holds live as long as
// their ttl by that clock, not_after is judged by it, and a shop under load, its
// check-backs included, notices nothing.
func TestMariaDBClockDiffersFromAllOthers(t *testing.T) {
	site := faults.NewSite(t, faults.SiteOptions{MariaDB: testservers.MariaDBOptions{FakeClock: true}})
	require.NoError(t, site.DB.SetClock(10*time.Hour))
	require.Greater(t, time.Until(databaseTime(t, site)), 9*time.Hour)
	requireDeadlines(t, site, func(int) (*faults.Process, *faults.Client) { return faults.StartServer(t, site) })
}

// requireDeadlines says that on a site with two servers deadlines are the
// database's, whichever server makes a hold, and whichever sweeps.
func requireDeadlines(t *testing.T, site *faults.Site, start func(server int) (*faults.Process, *faults.Client)) {
	t.Helper()
	site.Patient()
	var servers []*faults.Process
	var clients []*faults.Client
	for i := range 2 {
		process, client := start(i)
		servers, clients = append(servers, process), append(clients, client)
	}
	shop := faults.NewShop(faults.ShopOptions{Seed: 52, Attempt: 30 * time.Second})
	site.Desk.Ask(shop.Answer)
	require.NoError(t, shop.Stock(t.Context(), clients[0]))
	shop.Use(clients...)
	var long, brief []string
	for i, client := range clients {
		sku := fmt.Sprintf("by-%d", i)
		require.NoError(t, client.SetStock(t.Context(), sku, 100))
		from := databaseTime(t, site)
		long = append(long, hold(t, client, 3, sku, 15*time.Minute, release)...)
		requireLife(t, get(t, client, long[3*i]), from, databaseTime(t, site), 15*time.Minute)
		requireNotAfter(t, site, client, sku)
		require.NoError(t, client.SetStock(t.Context(), sku+"-brief", 100))
		brief = append(brief, hold(t, client, 3, sku+"-brief", 2*time.Second, release)...)
	}
	before := snapshot(t, clients[0], long)
	shop.Serve(t.Context(), 300)
	become(t, clients[0], expired, brief)
	for _, id := range brief {
		r := get(t, clients[1], id)
		require.False(t, r.GetResolvedAt().AsTime().Before(r.GetExpiresAt().AsTime()), "%v", r)
	}
	passes := `stockhold_sweeper_results_total{result="passes"}`
	for _, server := range servers {
		counted(t, server, passes, 5)
	}
	require.Equal(t, before, snapshot(t, clients[1], long))

	for _, id := range append(long, "by-0-timely", "by-1-timely") { // a site at rest holds nothing
		cancelHold(t, clients[0], id)
	}
	verdict, _, err := site.Judge(t.Context(), clients[0], shop)
	require.NoError(t, err)
	require.Zero(t, verdict.Lost+int(verdict.Oversold))
	counts := shop.Tally.Counts()
	require.Empty(t, counts.NoAnswer)
	require.Len(t, counts.Refusals, 1, "for stock, and for nothing else: %v", counts.Refusals)
}

// skewVariable says by how many seconds a skewed program's time of day is off.
const skewVariable = "CLOCK_SKEW_SECONDS"

// skew is what is put into package time. A clock cannot be faked from outside: Go
// programs ask the kernel for the time, without any library in between.
const skew = `package time

import "syscall"

var skewSeconds = func() (n int64) {
	text, _ := syscall.Getenv("` + skewVariable + `")
	for i := range len(text) {
		if c := text[i]; c >= '0' && c <= '9' {
			n = n*10 + int64(c-'0')
		}
	}
	if len(text) > 0 && text[0] == '-' {
		return -n
	}
	return n
}()

//go:noinline
func skewedNow() (sec int64, nsec int32, mono int64) {
	sec, nsec, mono = runtimeNow()
	return sec + skewSeconds, nsec, mono
}
`

// buildSkewed builds the program with a time.Now that is off, for our own code and
// every library. What is measured, as by time.Since, stays right, as it does on a
// machine whose time of day is wrong. The standard library and all others are
// compiled anew for it, which takes a minute or two the first time.
func buildSkewed(t *testing.T) *faults.Program {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	require.NoError(t, err)
	folder, std := t.TempDir(), filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	text, err := os.ReadFile(filepath.Join(std, "time.go"))
	require.NoError(t, err)
	const ask = "\tsec, nsec, mono := %s()\n"
	now := "func Now() Time {\n" + fmt.Sprintf(ask, "runtimeNow")
	require.Equal(t, 1, strings.Count(string(text), now), "time.Now does not begin as expected: has Go changed?")
	changed := strings.Replace(string(text), now, "func Now() Time {\n"+fmt.Sprintf(ask, "skewedNow"), 1)
	overlay := map[string]string{}
	for name, text := range map[string]string{"time.go": changed, "zz_skew.go": skew} {
		overlay[filepath.Join(std, name)] = filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	table, err := json.Marshal(map[string]any{"Replace": overlay})
	require.NoError(t, err)
	list := filepath.Join(folder, "overlay.json")
	require.NoError(t, os.WriteFile(list, table, 0o600))
	program, err := faults.Build(t.Context(), faults.BuildOptions{Overlay: list})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, program.Close()) })
	return program
}

var logTime = regexp.MustCompile(`(?m)^time=(\S+)`)

// ownTime is what time it was for a process when it began to log.
func ownTime(t *testing.T, process *faults.Process) time.Time {
	t.Helper()
	found := logTime.FindStringSubmatch(process.Log())
	require.NotNil(t, found, "%s", process.Log())
	at, err := time.Parse(time.RFC3339Nano, found[1])
	require.NoError(t, err)
	return at
}
