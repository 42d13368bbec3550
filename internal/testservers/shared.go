package testservers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

// The shared servers start when the first test asks, and end in Main. A start that failed is not tried again:
// every test that asks fails with the same error.
var (
	sharedMariaDB = shared[*MariaDBServer]{start: func(ctx context.Context) (*MariaDBServer, error) {
		return StartMariaDB(ctx, MariaDBOptions{})
	}}
	sharedRedis = shared[*RedisServer]{start: func(ctx context.Context) (*RedisServer, error) {
		return StartRedis(ctx, RedisOptions{})
	}}
)

type shared[S interface{ Close() error }] struct {
	start func(context.Context) (S, error)

	mu    sync.Mutex
	tried bool
	open  bool
	value S
	err   error
}

func (s *shared[S]) get() (S, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.tried {
		s.tried = true
		// Not the test's context: the server outlives the test.
		s.value, s.err = s.start(context.Background())
		s.open = s.err == nil
	}
	return s.value, s.err
}

func (s *shared[S]) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open {
		return nil
	}
	s.open = false
	return s.value.Close()
}

// Main runs a package's tests, ends the shared servers and exits with the tests' code:
//
//	func TestMain(m *testing.M) { testservers.Main(m) }
func Main(m *testing.M) {
	code := m.Run()
	if err := Shutdown(); err != nil {
		fmt.Fprintln(os.Stderr, "testservers:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// Shutdown ends the shared servers, for a TestMain that has more to do than [Main]. Servers that the caller
// started must have been closed before.
func Shutdown() error {
	return errors.Join(sharedMariaDB.close(), sharedRedis.close(), removeWorkspace())
}

// MariaDB returns the server that all tests of the binary share. Use [Database] to work on it.
func MariaDB(t testing.TB) *MariaDBServer {
	t.Helper()
	s, err := sharedMariaDB.get()
	if err != nil {
		t.Fatalf("testservers: %v", err)
	}
	return s
}

// Redis returns the server that all tests of the binary share. Begin each test's keys with its [Prefix].
func Redis(t testing.TB) *RedisServer {
	t.Helper()
	s, err := sharedRedis.get()
	if err != nil {
		t.Fatalf("testservers: %v", err)
	}
	return s
}

// Prefix returns a prefix for keys that no other test has: letters, digits and dashes, at most 40 bytes. It
// begins with the test's name, to tell whose keys are there.
func Prefix(t testing.TB) string {
	t.Helper()
	name := strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9') {
			return r
		}
		return '-'
	}, t.Name())
	return name[:min(len(name), 25)] + "-" + unique()
}

// unique returns 14 lower-case letters and digits, different at each call.
func unique() string { return strings.ToLower(rand.Text()[:14]) }
