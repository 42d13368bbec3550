package testservers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// fakeClockLibraries is where distributions put libfaketime's library for programs with threads.
var fakeClockLibraries = []string{
	"/usr/lib/*/faketime/libfaketimeMT.so.1",
	"/usr/lib*/faketime/libfaketimeMT.so.1",
	"/usr/local/lib*/faketime/libfaketimeMT.so.1",
}

// errRealClock says that a server was started without a clock that can be set.
var errRealClock = errors.New("it runs on the machine's clock: start it with FakeClock")

// fakeClock makes the program run on a clock of its own, which SetClock moves. Only the time of day is faked: what
// the server measures, such as lock waits and event loops, goes on with the monotonic clock, and so does not hang.
func (s *server) fakeClock() error {
	library, err := fakeClockLibrary()
	if err != nil {
		return err
	}
	if err := removeStaleClocks(); err != nil {
		return err
	}
	s.clock = filepath.Join(s.folder, "clock")
	s.process.environment = []string{
		// The C library's allocator in place of Redis's jemalloc, which asks for the time before there is a fake one.
		"LD_PRELOAD=" + library + " libc.so.6",
		"FAKETIME_TIMESTAMP_FILE=" + s.clock,
		// The file is read at each look at the clock, which costs microseconds, so that SetClock holds at once.
		"FAKETIME_NO_CACHE=1",
		"FAKETIME_DONT_FAKE_MONOTONIC=1",
		// The name that later versions have for the same.
		"DONT_FAKE_MONOTONIC=1",
	}
	return s.SetClock(0)
}

func fakeClockLibrary() (string, error) {
	for _, pattern := range fakeClockLibraries {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", fmt.Errorf("look for libfaketime: %w", err)
		}
		if len(found) > 0 {
			return found[0], nil
		}
	}
	return "", fmt.Errorf("libfaketime is in none of %q: run `make deps` to install it", fakeClockLibraries)
}

// SetClock sets the time of day of a server with a FakeClock to the machine's plus offset, at once and also after a
// Restart; a negative offset sets it back. The clock goes on from there.
func (s *server) SetClock(offset time.Duration) error {
	if s.clock == "" {
		return fmt.Errorf("set the clock of %s: %w", s.process.name, errRealClock)
	}
	// Moved into place whole: the server may read at any moment.
	draft := s.clock + ".new"
	err := os.WriteFile(draft, fmt.Appendf(nil, "%+.6f", offset.Seconds()), 0o600)
	if err == nil {
		err = os.Rename(draft, s.clock)
	}
	if err != nil {
		return fmt.Errorf("set the clock of %s by %s: %w", s.process.name, offset, err)
	}
	return nil
}

// sharedMemory is where Linux keeps what libfaketime shares with child processes, named after the process id.
const sharedMemory = "/dev/shm"

var clockMemory = regexp.MustCompile(`^(?:sem\.faketime_sem|faketime_shm)_(\d+)$`)

// removeStaleClocks removes what libfaketime left in shared memory for processes that were killed: one that came to
// have such a process's id could not start.
func removeStaleClocks() error {
	entries, err := os.ReadDir(sharedMemory)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for the memory of clocks: %w", err)
	}
	for _, entry := range entries {
		match := clockMemory.FindStringSubmatch(entry.Name())
		if match == nil || exists(filepath.Join("/proc", match[1])) {
			continue
		}
		err := os.Remove(filepath.Join(sharedMemory, entry.Name()))
		// Another user's is that user's to remove, and another process may have been faster.
		if err != nil && !errors.Is(err, os.ErrPermission) && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove the memory of a clock: %w", err)
		}
	}
	return nil
}
