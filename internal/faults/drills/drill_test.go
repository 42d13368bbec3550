//go:build faults

package drills_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/faults"
	"stockhold/internal/testservers"
)

func TestMain(m *testing.M) { faults.Main(m, faults.BuildOptions{}) }

const (
	// patience is how long a test waits for what must happen, on a busy machine.
	patience = 60 * time.Second
	tick     = 20 * time.Millisecond
)

const document = "../../../docs/operations.md"

// steps are the commands of the document's drills, by name: the block of code that
// follows a comment <!-- drill: NAME -->.
func steps(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	all := map[string]string{}
	for _, found := range regexp.MustCompile("(?s)<!-- drill: ([a-z-]+) -->\n```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		require.NotContains(t, all, found[1], "two steps have one name")
		all[found[1]] = found[2]
	}
	require.Len(t, all, strings.Count(string(text), "<!-- drill:"), "a comment that names a step has no block of commands below it")
	return all
}

// Every step of the document is run by some test here, and none that is not in it.
func TestEveryStepIsRun(t *testing.T) {
	run := map[string]bool{}
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	for _, file := range files {
		code, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range regexp.MustCompile(`\.(?:do|serve)\("([a-z-]+)"`).FindAllStringSubmatch(string(code), -1) {
			run[found[1]] = true
		}
	}
	for name := range steps(t) {
		require.True(t, run[name], "nobody runs the step %s", name)
		delete(run, name)
	}
	require.Empty(t, run, "not in the document")
}

// drill is an operator at a shell, with a site to look after.
type drill struct {
	*testing.T
	site   *faults.Site
	steps  map[string]string
	folder string            // where the shell works
	env    map[string]string // what it has beside the site's settings
}

func newDrill(t *testing.T, options faults.SiteOptions) *drill {
	t.Helper()
	return drillOn(t, faults.NewSite(t, options))
}

func drillOn(t *testing.T, site *faults.Site) *drill {
	t.Helper()
	d := &drill{T: t, site: site, steps: steps(t), folder: t.TempDir(), env: map[string]string{}}
	d.install("stockhold", site.Program)
	d.credentials("ledger.cnf", site.DB)
	return d
}

// install puts a program where the shell finds it, in place of one of that name.
func (d *drill) install(name string, program *faults.Program) {
	d.Helper()
	bin := filepath.Join(d.folder, "bin")
	require.NoError(d, os.MkdirAll(bin, 0o755))
	require.NoError(d, os.RemoveAll(filepath.Join(bin, name)))
	require.NoError(d, os.Symlink(program.Path, filepath.Join(bin, name)))
}

// credentials writes the file that MariaDB's own programs read.
func (d *drill) credentials(name string, server *testservers.MariaDBServer) {
	d.Helper()
	text := fmt.Sprintf("[client]\nprotocol=tcp\nhost=127.0.0.1\nport=%d\nuser=root\n", server.Port())
	require.NoError(d, os.WriteFile(filepath.Join(d.folder, name), []byte(text), 0o600))
}

// environment is the shell's.
func (d *drill) environment() []string {
	env := append(d.site.Env(), "PATH="+filepath.Join(d.folder, "bin")+":"+os.Getenv("PATH"), "HOME="+d.folder, "LC_ALL=C")
	for name, value := range d.env {
		env = append(env, name+"="+value)
	}
	return env
}

// do runs a step of the document to its end, and returns what it printed.
func (d *drill) do(step string) string {
	d.Helper()
	out, err := d.shell(d.commands(step))
	require.NoError(d, err, "%s:\n%s\n%s", step, d.steps[step], out)
	d.Logf("%s:\n%s", step, out)
	return out
}

func (d *drill) commands(step string) string {
	d.Helper()
	require.Contains(d, d.steps, step, "not in the document")
	return d.steps[step]
}

func (d *drill) shell(commands string) (string, error) {
	ctx, cancel := context.WithTimeout(d.Context(), 2*time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", commands)
	shell.Dir, shell.Env = d.folder, d.environment()
	shell.WaitDelay = time.Second
	out, err := shell.CombinedOutput()
	return string(out), err
}

// serve starts the server that a step of the document starts: with its flags and
// variables, but on a free port, and by this test, which ends it.
func (d *drill) serve(step string) (*faults.Process, *faults.Client) {
	d.Helper()
	out, err := d.shell(`stockhold() { printf '%s\n' "$@"; echo ---; env | grep ^STOCKHOLD_; }` + "\n" + d.commands(step))
	require.NoError(d, err, out)
	flags, env, _ := strings.Cut(strings.TrimSpace(out), "\n---\n")
	args := strings.Split(flags, "\n")
	require.Equal(d, "serve", args[0])
	return d.start(d.site.Program, faults.Setup{
		Args: append(args[1:], "--listen", "127.0.0.1:0"), Env: strings.Split(env, "\n"),
	})
}

// start starts a server; the shell's commands go to the latest.
func (d *drill) start(program *faults.Program, setup faults.Setup) (*faults.Process, *faults.Client) {
	d.Helper()
	process, err := program.Serve(d.Context(), setup)
	require.NoError(d, err)
	client := faults.NewClient(process.URL())
	d.Cleanup(func() {
		client.Close()
		if d.Failed() {
			log := process.Log()
			d.Logf("the log of process %d:\n%s", process.Pid(), log[max(0, len(log)-4096):])
		}
		require.NoError(d, process.Close())
	})
	d.env["STOCKHOLD_SERVER"] = process.URL()
	return process, client
}

// usual starts a server with the site's settings.
func (d *drill) usual() (*faults.Process, *faults.Client) {
	d.Helper()
	return d.start(d.site.Program, faults.Setup{Env: d.site.Env()})
}

// open stocks a shop that sells on some servers, asks it for its decisions, and has
// it sell for as long as something takes.
func (d *drill) open(shop *faults.Shop, clients []*faults.Client, something func()) {
	d.Helper()
	require.NoError(d, shop.Stock(d.Context(), clients[0]))
	d.site.Desk.Ask(shop.Answer)
	shop.Use(clients...)
	ctx, closed := context.WithCancel(d.Context())
	var selling sync.WaitGroup
	selling.Go(func() { shop.Run(ctx) })
	defer selling.Wait()
	defer closed()
	d.sells(shop)
	something()
	d.sells(shop)
}

// sells waits until some more calls of the shop were answered OK: it goes on.
func (d *drill) sells(shop *faults.Shop) {
	d.Helper()
	until := shop.Tally.Answered() + 200
	require.Eventually(d, func() bool { return shop.Tally.Answered() >= until }, patience, tick, "the shop sells")
}

// grows waits until a figure of a server has grown.
func (d *drill) grows(process *faults.Process, series string) {
	d.Helper()
	figure := func() float64 {
		value, err := process.Metric(d.Context(), series)
		require.NoError(d, err)
		return value
	}
	before := figure()
	faults.Eventually(d, func() bool { return figure() > before }, patience, tick, "%s grows", series)
}

// Figures of /metrics.
const (
	frozen  = `stockhold_gate_freezes_total{outcome="frozen"}`
	skipped = `stockhold_gate_skipped_total`
	away    = `stockhold_ledger_status{state="away"}`
)

// judge is the end: the document's own look, and the shop's books.
func (d *drill) judge(client *faults.Client, shop *faults.Shop) {
	d.Helper()
	verdict, took, err := d.site.Judge(d.Context(), client, shop)
	require.NoError(d, err)
	require.Zero(d, verdict.Lost)
	require.Zero(d, verdict.Oversold)
	d.do("over")
	d.Logf("at rest after %s: %+v, %+v", took.Round(time.Millisecond), verdict, shop.Tally.Counts())
}
