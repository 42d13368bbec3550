package monitoring

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"stockhold/internal/faults"
	"stockhold/internal/leaktest"
)

var update = flag.Bool("update", false, "write the dashboard and the tables of docs/telemetry.md anew")

// program is the program under test, as it is released.
var program *faults.Program

func TestMain(m *testing.M) {
	flag.Parse()
	folder, err := os.MkdirTemp("", "stockhold-monitoring-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program = &faults.Program{Path: filepath.Join(folder, "stockhold")}
	build := exec.Command("go", "build", "-o", program.Path, "stockhold/cmd/stockhold")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, text)
		os.Exit(1)
	}
	code := leaktest.Run(m)
	if err := program.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}
