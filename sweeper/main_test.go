package sweeper

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"stockhold/internal/testservers"
)

// Whatever the tests started must have ended with them.
func TestMain(m *testing.M) {
	code := m.Run()
	if err := testservers.Shutdown(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
