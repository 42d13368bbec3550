// Package proc starts the programs that are measured, and reads what the system
// says of processes and of the machine.
package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Command is a program to start.
type Command struct {
	Name   string // for messages, and of its log
	Path   string
	Args   []string
	Env    []string // in place of this process's own
	Folder string   // where its log goes
}

// Process is a program that runs. Its owner stops it.
type Process struct {
	name  string
	log   string
	os    *os.Process
	ended chan struct{}
	err   error // how it ended; read after ended is closed
}

// How long a program may take to end after SIGTERM, and then after SIGKILL.
const (
	stopPatience = 30 * time.Second
	killPatience = 15 * time.Second
)

// Start starts a program. It dies with this process, and does not hear of a
// Ctrl-C before its owner has finished with it.
func Start(c Command) (*Process, error) {
	p := &Process{name: c.Name, log: filepath.Join(c.Folder, c.Name+".log"), ended: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", c.Name, err)
	}
	defer log.Close()
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = c.Env, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error, 1)
	go p.live(cmd, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	return p, nil
}

// live starts the command and waits for its end, on one locked thread: the
// signal that ends it with its parent follows the thread that forked, and the Go
// runtime may end an idle one.
func (p *Process) live(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.ended)
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	p.os = cmd.Process
	started <- nil
	p.err = cmd.Wait()
}

// Pid is the process's number.
func (p *Process) Pid() int { return p.os.Pid }

// Await looks for a piece of the log that begins behind one text and ends before
// another, such as an address that the program has got.
func (p *Process) Await(ctx context.Context, behind, before string) (string, error) {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		text, err := os.ReadFile(p.log)
		if err != nil {
			return "", fmt.Errorf("read the log of %s: %w", p.name, err)
		}
		if _, rest, ok := strings.Cut(string(text), behind); ok {
			if found, _, ok := strings.Cut(rest, before); ok {
				return found, nil
			}
		}
		select {
		case <-look.C:
		case <-p.ended:
			return "", fmt.Errorf("%s ended while it started: %w; its log:\n%s", p.name, orExited(p.err), p.Log())
		case <-ctx.Done():
			return "", fmt.Errorf("%s does not get ready: %w; its log:\n%s", p.name, ctx.Err(), p.Log())
		}
	}
}

// Wait returns when the program has ended: nil after exit code 0.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.ended:
	case <-ctx.Done():
		return fmt.Errorf("wait for %s: %w", p.name, ctx.Err())
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w; its log:\n%s", p.name, p.err, p.Log())
	}
	return nil
}

// Stop ends the program with SIGTERM, or SIGKILL when that is not obeyed in time.
// One that has ended by itself stays ended.
func (p *Process) Stop() error {
	if err := p.signal(syscall.SIGTERM, stopPatience); err == nil {
		return nil
	}
	return p.signal(syscall.SIGKILL, killPatience)
}

func (p *Process) signal(sig os.Signal, patience time.Duration) error {
	if err := p.os.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %s to %s: %w", sig, p.name, err)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.ended:
		return nil
	case <-timer.C:
		return fmt.Errorf("%s (process %d) still runs %s after %s", p.name, p.os.Pid, patience, sig)
	}
}

// logTail is how much of a log goes into an error, in bytes.
const logTail = 4096

// Log is the end of what the program wrote.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return fmt.Sprintf("(no log: %v)", err)
	}
	return string(text[max(0, len(text)-logTail):])
}

func orExited(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}
