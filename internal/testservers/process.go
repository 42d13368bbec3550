package testservers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	// stopPatience is how long a server may take to end after SIGTERM before it gets SIGKILL.
	stopPatience = 15 * time.Second
	// killPatience is how long the kernel may take to end a killed process.
	killPatience = 15 * time.Second
)

// errNotRunning says that there is no process to signal.
var errNotRunning = errors.New("the process is not running")

// A process is a program that can be started, ended and started again, one run at a time. Output of all runs
// goes to one log file.
type process struct {
	name string
	dir  string // the working folder
	log  string // the log file's path

	mu   sync.Mutex
	path string
	args []string
	// environment goes on top of this process's own.
	environment []string
	last        *run // nil before the first start
}

// A run is one life of a process.
type run struct {
	os    *os.Process
	ended context.Context // done when the process is gone
	end   context.CancelFunc
	err   error // how it ended; read after ended is done
}

// start begins a new run. It returns once the program runs, which says nothing about its being ready.
func (p *process) start() (*run, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last != nil && p.last.alive() {
		return nil, fmt.Errorf("start %s: it runs already as process %d", p.name, p.last.os.Pid)
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", p.name, err)
	}
	defer log.Close()
	cmd := exec.Command(p.path, p.args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = p.dir, log, log, childAttributes()
	cmd.Env = append(os.Environ(), p.environment...)

	r := new(run)
	r.ended, r.end = context.WithCancel(context.Background())
	started := make(chan error, 1)
	go r.live(cmd, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	p.last = r
	return r, nil
}

// live starts the command and waits for its end, all on one locked thread: the parent death signal follows the
// thread that forked, not the process, and an idle thread may be ended by the Go runtime.
func (r *run) live(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer r.end()
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	r.os = cmd.Process
	started <- nil
	r.err = cmd.Wait()
}

func (r *run) alive() bool { return r.ended.Err() == nil }

// endedWithin waits for the end of the run and reports whether it came in time.
func (r *run) endedWithin(patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-r.ended.Done():
		return true
	case <-timer.C:
		return false
	}
}

// running returns the current run, nil when the process is down.
func (p *process) running() *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil || !p.last.alive() {
		return nil
	}
	return p.last
}

// pid returns the process id, 0 when the process is down.
func (p *process) pid() int {
	if r := p.running(); r != nil {
		return r.os.Pid
	}
	return 0
}

func (p *process) signal(sig os.Signal) error {
	r := p.running()
	if r == nil {
		return fmt.Errorf("send %s to %s: %w", sig, p.name, errNotRunning)
	}
	if err := r.os.Signal(sig); err != nil {
		return fmt.Errorf("send %s to %s: %w", sig, p.name, err)
	}
	return nil
}

// kill ends the process with SIGKILL and waits for its end. A process that is down stays down.
func (p *process) kill() error {
	r := p.running()
	if r == nil {
		return nil
	}
	if err := r.os.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	if !r.endedWithin(killPatience) {
		return fmt.Errorf("%s (process %d) still runs %s after SIGKILL", p.name, r.os.Pid, killPatience)
	}
	return nil
}

// stop ends the process with SIGTERM, or SIGKILL when that is not obeyed in time, and waits for its end.
func (p *process) stop() error {
	r := p.running()
	if r == nil {
		return nil
	}
	// A process halted by SIGSTOP obeys nothing before it goes on.
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGCONT} {
		if err := r.os.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("send %s to %s: %w", sig, p.name, err)
		}
	}
	if r.endedWithin(stopPatience) {
		return nil
	}
	return p.kill()
}
