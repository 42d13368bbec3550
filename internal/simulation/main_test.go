package simulation

import (
	"fmt"
	"os"
	"testing"

	"stockhold/internal/leaktest"
)

// A schedule that panics, or hangs until the time of all tests is over, ends the
// program without another word: the seed is then among the labels of its goroutines,
// which the runtime shows if it is asked to.
func TestMain(m *testing.M) {
	if err := os.Setenv("GODEBUG", "tracebacklabels=1,"+os.Getenv("GODEBUG")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	leaktest.Main(m)
}
