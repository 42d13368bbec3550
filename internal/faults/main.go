package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"stockhold/internal/testservers"
)

// built is the program of a test binary.
var built *Program

// Main runs a package's tests with the program built once, and fails when they
// leave a goroutine behind:
//
//	func TestMain(m *testing.M) { faults.Main(m, faults.BuildOptions{}) }
func Main(m *testing.M, options BuildOptions) {
	os.Exit(run(m, options))
}

func run(m *testing.M, options BuildOptions) (code int) {
	var err error
	if built, err = Build(context.Background(), options); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code = m.Run()
	if err := errors.Join(testservers.Shutdown(), built.Close()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	if code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "goroutines are left:", err)
		return 1
	}
	return 0
}

// Built is the program that Main built.
func Built() *Program { return built }

// NewSite opens a site for a test, and closes it when that ends. A server that ended
// by itself fails the test.
func NewSite(t testing.TB, options SiteOptions) *Site {
	t.Helper()
	site, err := OpenSite(t.Context(), built, options)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, site.Close())
		require.NoError(t, site.Failed(), "no fault may make a server end by itself")
	})
	return site
}

// StartServer starts a server on a site for a test, with a client of it. The log
// of a server is shown when the test fails.
func StartServer(t testing.TB, site *Site, args ...string) (*Process, *Client) {
	t.Helper()
	process, err := site.Serve(t.Context(), args...)
	require.NoError(t, err)
	client := NewClient(process.URL())
	t.Cleanup(func() {
		client.Close()
		if t.Failed() {
			t.Logf("the log of process %d:\n%s", process.Pid(), tail(process.Log(), 8<<10))
		}
	})
	return process, client
}

func tail(text string, most int) string {
	if len(text) > most {
		return "...\n" + text[len(text)-most:]
	}
	return text
}

// Within bounds what a test waits for.
func Within(t testing.TB, limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}
