package testservers_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"stockhold/internal/testservers"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// What testservers.Main does, and a look for goroutines of its own: the package
	// that does so for others uses this one.
	code := m.Run()
	if err := errors.Join(testservers.Shutdown(), leaks(code)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func leaks(code int) error {
	if code != 0 { // what a failed test left is not worth a second message
		return nil
	}
	return goleak.Find()
}
