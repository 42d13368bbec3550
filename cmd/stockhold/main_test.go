package main_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/leaktest"
)

// racing and plain are the program under test, built with the race detector and
// without it.
var racing, plain string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "stockhold-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	racing, plain = filepath.Join(folder, "racing", "stockhold"), filepath.Join(folder, "plain", "stockhold")
	for _, args := range [][]string{{"-race", "-pgo=off", "-o", racing}, {"-o", plain}} {
		build := exec.Command("go", append(append([]string{"build"}, args...), ".")...)
		build.Env = append(os.Environ(), "CGO_ENABLED=1")
		if text, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, text)
			os.Exit(1)
		}
	}
	code := leaktest.Run(m)
	if err := os.RemoveAll(folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// patience bounds everything that a test waits for.
const patience = 60 * time.Second

// output collects what a process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// process is one run of the program, in a folder and an environment of its own.
type process struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err output
	ended    chan struct{}
	code     int // -1: ended by a signal
}

// setup says how to run the program.
type setup struct {
	folder string   // default: a new one
	env    []string // beside PATH
	args   []string
}

// program is what runs a command line: with the race detector, what works at many
// things at once; what asks one question and ends starts many times faster without.
func program(args []string) string {
	line := strings.Join(args, " ")
	for _, busy := range []string{"serve", "sweep", "demo", "stock import"} {
		if strings.HasPrefix(line, busy) {
			return racing
		}
	}
	return plain
}

func launch(t *testing.T, s setup) *process {
	t.Helper()
	if s.folder == "" {
		s.folder = t.TempDir()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	p := &process{t: t, cmd: exec.CommandContext(ctx, program(s.args), s.args...), ended: make(chan struct{})}
	p.cmd.Dir = s.folder
	p.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.folder,
		"GORACE=atexit_sleep_ms=0", // by default the race detector sleeps for a second at the end
	}, s.env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.ended)
		defer cancel()
		err := p.cmd.Wait()
		p.code = p.cmd.ProcessState.ExitCode()
		if err != nil && p.code == 0 {
			p.code = -1
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-p.ended
		if t.Failed() {
			t.Logf("%v ended with %d\nstandard output:\n%s\nstandard error:\n%s", s.args, p.code, &p.out, &p.err)
		}
	})
	return p
}

// run runs the program to its end.
func run(t *testing.T, s setup) *process {
	t.Helper()
	p := launch(t, s)
	p.wait()
	return p
}

func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		require.Fail(p.t, "the program does not end", p.cmd.Args)
	}
	return p.code
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(s))
}

// says waits until the log has something in it.
func (p *process) says(pattern string) []string {
	p.t.Helper()
	var found []string
	expression := regexp.MustCompile(pattern)
	require.Eventually(p.t, func() bool {
		found = expression.FindStringSubmatch(p.err.String())
		return found != nil
	}, patience, 10*time.Millisecond, pattern)
	return found
}

// url waits for a server to serve, and returns where it does.
func (p *process) url() string {
	p.t.Helper()
	return "http://" + p.says(`msg=serving address=(\S+)`)[1]
}

// client is one that shares nothing with other tests.
func client(t *testing.T, protocols func(*http.Protocols)) *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	protocols(transport.Protocols)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

func http1(p *http.Protocols) { p.SetHTTP1(true) }
func http2(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }
