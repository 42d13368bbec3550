package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Process is one run of the program. Whoever starts one closes it.
type Process struct {
	cmd      *exec.Cmd
	folder   string
	out, err output
	ended    chan struct{}
	result   error // of the run, once ended
	url      string
	stops    atomic.Bool // what it is armed with halts it
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

func (p *Program) launch(setup Setup) (*Process, error) {
	folder, err := os.MkdirTemp("", "stockhold-process-")
	if err != nil {
		return nil, err
	}
	process := &Process{cmd: exec.Command(p.Path, setup.Args...), folder: folder, ended: make(chan struct{})}
	process.cmd.Dir = folder
	process.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + folder,
		"CRASHPOINT_FILE=" + process.crashpoint(),
		"GORACE=atexit_sleep_ms=0 halt_on_error=1",
	}, setup.Env...)
	process.cmd.Stdout, process.cmd.Stderr = &process.out, &process.err
	endWithParent(process.cmd)
	if err := process.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	go func() {
		defer close(process.ended)
		process.result = process.cmd.Wait()
	}()
	return process, nil
}

func (p *Process) crashpoint() string { return filepath.Join(p.folder, "crashpoint") }

// serving is the line of a server's start, as text or as JSON.
var serving = regexp.MustCompile(`(?:msg=serving address=|"msg":"serving","address":")([^\s"]+)`)

func (p *Process) awaitServing(ctx context.Context) error {
	return p.until(ctx, "serve", func() bool {
		found := serving.FindStringSubmatch(p.err.String())
		if found != nil {
			p.url = "http://" + found[1]
		}
		return found != nil
	})
}

// until polls a condition that a living process is to bring about.
func (p *Process) until(ctx context.Context, what string, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-p.ended:
			if done() {
				return nil
			}
			return fmt.Errorf("the process ended before it could %s: %w\n%s", what, p.result, p.Log())
		case <-ctx.Done():
			return fmt.Errorf("the process does not %s: %w\n%s", what, ctx.Err(), p.Log())
		}
	}
	return nil
}

// URL is where a server serves.
func (p *Process) URL() string { return p.url }

// Pid is the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Output is what it has written to standard output so far.
func (p *Process) Output() string { return p.out.String() }

// Log is what it has written to standard error so far.
func (p *Process) Log() string { return p.err.String() }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Arm makes the process act at a crash point: "kill", "kill 100ms" or "stop".
func (p *Process) Arm(point, action string) error {
	p.stops.Store(action == "stop")
	fresh := p.crashpoint() + ".new" // renamed, so that it is never seen half written
	if err := os.WriteFile(fresh, []byte(point+" "+action), 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, p.crashpoint())
}

// Disarm takes back what Arm did, unless the point was reached.
func (p *Process) Disarm() error {
	if err := os.Remove(p.crashpoint()); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Reached waits until the point that was armed is reached, and, if it is armed to
// stop there, until the process stands still: a Resume before that would be lost.
func (p *Process) Reached(ctx context.Context) error {
	return p.until(ctx, "reach its crash point", func() bool {
		_, err := os.Stat(p.crashpoint())
		return errors.Is(err, os.ErrNotExist) && (!p.stops.Load() || standsStill(p.Pid()))
	})
}

// Wait waits for the process to end by itself. The error is that of the run.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.ended:
		return p.result
	case <-ctx.Done():
		return fmt.Errorf("the process does not end: %w\n%s", ctx.Err(), p.Log())
	}
}

// Kill ends the process with SIGKILL and waits until it is gone.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.ended
	return nil
}

// Failed is why a process is not to be trusted, or nil: it ended by itself and not
// well, as after a panic, or a handler of it panicked. To be killed, or to end as it
// was told to, is no failure.
func (p *Process) Failed() error {
	if strings.Contains(p.Log(), handlerPanicked) {
		return fmt.Errorf("a handler of process %d panicked\n%s", p.Pid(), tail(p.Log(), 8<<10))
	}
	select {
	case <-p.ended:
	default:
		return nil
	}
	var exit *exec.ExitError
	if errors.As(p.result, &exit) && !exit.Exited() || p.result == nil {
		return nil
	}
	return fmt.Errorf("process %d did not end well: %w\n%s", p.Pid(), p.result, tail(p.Log(), 8<<10))
}

// handlerPanicked is what a server logs of a call that panicked and that it survived
// (package rpc, whose test of it knows).
const handlerPanicked = "a handler panicked"

// Stop ends the process with SIGTERM and waits until it is gone. A run that does
// not end well is an error.
func (p *Process) Stop(ctx context.Context) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.Wait(ctx)
}

// Halt stops the process where it stands (SIGSTOP), and Resume lets it go on.
func (p *Process) Halt() error { return p.Signal(syscall.SIGSTOP) }

// Resume lets a halted process go on.
func (p *Process) Resume() error { return p.Signal(syscall.SIGCONT) }

// Signal sends a signal.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Close kills the process if it still runs and removes its folder.
func (p *Process) Close() error {
	return errors.Join(p.Kill(), os.RemoveAll(p.folder))
}
