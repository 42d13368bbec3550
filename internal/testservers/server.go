package testservers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	// probePatience bounds one look.
	probePatience = 2 * time.Second
	// portTries is how many ports a first start tries when programs without a lease take them.
	portTries = 5
	// logTail is how much of a server's log goes into an error, in bytes.
	logTail = 4096
)

// A server is what all kinds have in common: a process, a port and a folder. Its methods are safe to call from
// several goroutines, except that only one may start, stop or close it at a time.
type server struct {
	process process
	port    *port
	folder  string
	clock   string // the file that says what time it is; empty on the machine's clock

	// configure writes what the program reads at start, and returns its arguments; called once per port tried.
	configure func(port int) (args []string, err error)
	// probe returns nil when this very process, not a stranger on the same port, does real work.
	probe func(ctx context.Context) error
}

// open makes the folder for a new server of the given kind whose program is path.
func (s *server) open(kind, path string) error {
	folder, err := newFolder(kind)
	if err != nil {
		return err
	}
	s.folder = folder
	s.process.name, s.process.path, s.process.dir = kind, path, folder
	s.process.log = filepath.Join(folder, "log")
	return nil
}

// firstStart leases a port and starts the server on it. On failure everything is undone.
func (s *server) firstStart(ctx context.Context) error {
	for try := 1; ; try++ {
		err := s.startOnNewPort(ctx)
		if err == nil {
			return nil
		}
		stolen := s.port != nil && s.process.pid() == 0 && !portFree(s.port.number)
		if !stolen || try == portTries {
			return errors.Join(err, s.Close())
		}
		if err := s.port.release(); err != nil {
			return errors.Join(err, s.Close())
		}
		s.port = nil
	}
}

func (s *server) startOnNewPort(ctx context.Context) (err error) {
	if s.port, err = leasePort(); err != nil {
		return err
	}
	if s.process.args, err = s.configure(s.port.number); err != nil {
		return err
	}
	return s.launch(ctx)
}

// launch starts the process and waits until the server is ready. A server that does not get ready is killed.
func (s *server) launch(ctx context.Context) error {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	r, err := s.process.start()
	if err != nil {
		return err
	}
	// A look at whoever has the port instead ends with the process.
	stop := context.AfterFunc(r.ended, cancel)
	defer stop()
	err = until(ctx, "it is ready", s.look)
	switch {
	case err == nil:
		return nil
	case !r.alive():
		return fmt.Errorf("%s ended while it started: %w; the end of its log:\n%s", s.process.name, orExited(r.err), s.Log())
	default:
		err = fmt.Errorf("%s: %w; the end of its log:\n%s", s.process.name, err, s.Log())
		return errors.Join(err, s.process.kill())
	}
}

func (s *server) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	// The client libraries complain on stderr when nobody listens, which is no news while a server starts.
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		return err
	}
	if err := connection.Close(); err != nil {
		return err
	}
	return s.probe(ctx)
}

func orExited(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// Addr returns host:port.
func (s *server) Addr() string { return s.port.addr() }

// Port returns the TCP port.
func (s *server) Port() int { return s.port.number }

// Folder returns the folder with the server's files.
func (s *server) Folder() string { return s.folder }

// Pid returns the process id, 0 when the server is down.
func (s *server) Pid() int { return s.process.pid() }

// Signal sends a signal, such as SIGSTOP and SIGCONT to halt the server and let it go on. It is an error when
// the server is down.
func (s *server) Signal(sig os.Signal) error { return s.process.signal(sig) }

// Kill ends the server with SIGKILL, as a crash would, and returns when it is gone. Its files and port stay.
func (s *server) Kill() error { return s.process.kill() }

// Stop ends the server with SIGTERM, or SIGKILL after 15 s, and returns when it is gone. Its files and port stay.
func (s *server) Stop() error { return s.process.stop() }

// Restart starts the server again on the same port and files and returns when it is ready; a server that still
// runs is stopped first. Without a deadline in ctx it takes at most 60 s.
func (s *server) Restart(ctx context.Context) error {
	if err := s.Stop(); err != nil {
		return err
	}
	return s.launch(ctx)
}

// Log returns the end of the server's log, at most 4 KiB.
func (s *server) Log() string {
	text, err := os.ReadFile(s.process.log)
	if err != nil {
		return fmt.Sprintf("(no log: %v)", err)
	}
	return string(text[max(0, len(text)-logTail):])
}

// Close kills the server, removes its files and gives its port back. The second call does nothing.
func (s *server) Close() error {
	if s.folder == "" {
		return nil
	}
	if err := s.process.kill(); err != nil {
		return err
	}
	err := os.RemoveAll(s.folder)
	s.folder = ""
	if s.clock != "" {
		err = errors.Join(err, removeStaleClocks())
	}
	if s.port != nil && s.port.lease.Locked() {
		err = errors.Join(err, s.port.release())
	}
	return err
}
