package deployments

import (
	"fmt"
	"os"
	"testing"

	"stockhold/internal/leaktest"
)

func TestMain(m *testing.M) {
	code := leaktest.Run(m)
	if err := removeProgram(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}
