package deployments

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds everything that a test waits for.
const patience = 60 * time.Second

// process is a container's process: its command line, its environment and no
// other, in an empty folder that it must leave empty.
type process struct {
	t         *testing.T
	cmd       *exec.Cmd
	out, errs output
	ended     chan struct{}
}

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

func start(t *testing.T, args []string, env map[string]string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	p := &process{t: t, cmd: exec.CommandContext(ctx, program(t), args...), ended: make(chan struct{})}
	p.cmd.Dir = t.TempDir()
	p.cmd.Env = []string{} // nil would be this process's own
	for name, value := range env {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	slices.Sort(p.cmd.Env)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errs
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.ended)
		defer cancel()
		_ = p.cmd.Wait() // the exit code tells
	}()
	t.Cleanup(func() {
		cancel()
		<-p.ended
		if t.Failed() {
			t.Logf("%v ended with %d\nstandard output:\n%s\nstandard error:\n%s", args, p.cmd.ProcessState.ExitCode(), &p.out, &p.errs)
		}
		written, err := os.ReadDir(p.cmd.Dir)
		require.NoError(t, err)
		require.Empty(t, written, "the root file system is read-only")
	})
	return p
}

// within waits for the end, no longer than so, and returns the exit code.
func (p *process) within(d time.Duration) int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(d):
		require.Fail(p.t, "the process does not end", "%v within %s", p.cmd.Args, d)
	}
	return p.cmd.ProcessState.ExitCode()
}

// get is a GET as the kubelet's: the status, 0 when nobody answers.
func get(t *testing.T, client *http.Client, url string) (status int, text string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	response, err := client.Do(request)
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

// client is one that shares nothing with other tests, and speaks HTTP/1.
func client(t *testing.T) *http.Client {
	transport := new(http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}
