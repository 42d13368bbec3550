// Package leaktest fails a test binary that leaves goroutines behind: whoever
// starts one waits for it, in tests too.
//
//	func TestMain(m *testing.M) { leaktest.Main(m) }
package leaktest

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"testing"

	"go.uber.org/goleak"

	"stockhold/internal/testservers"
)

// Main runs a package's tests, ends the shared servers if the tests used them, and
// exits: with the tests' code, or with 1 when a goroutine is still there.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for a TestMain that has more to do: it returns the code to exit with.
func Run(m *testing.M) int {
	code := m.Run()
	if err := testservers.Shutdown(); err != nil {
		fmt.Fprintln(os.Stderr, "testservers:", err)
		code = max(code, 1)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	// What a failed test left is not worth a second message, and while fuzzing there
	// are goroutines of the fuzzer's own.
	if code != 0 || flag.Lookup("test.fuzz").Value.String() != "" {
		return code
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
