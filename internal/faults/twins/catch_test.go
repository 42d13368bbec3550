//go:build faults

package twins

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// atOnce twins are built and tested at one time: their tests start servers.
var atOnce = make(chan struct{}, 2)

const (
	testTimeout = 2 * time.Minute // of one run of a test binary
	patience    = 4 * time.Minute // of a build or a run, however busy the machine
)

// TestEveryTwinIsCaught builds every twin and runs the tests that must notice it.
// What these tests say of the real program comes first: a test that fails anyway
// notices nothing.
func TestEveryTwinIsCaught(t *testing.T) {
	for _, pkg := range packages() {
		t.Run(pkg, func(t *testing.T) {
			t.Parallel()
			t.Run("real", func(t *testing.T) {
				t.Parallel()
				atOnce <- struct{}{}
				defer func() { <-atOnce }()
				requireHealthy(t, pkg)
			})
			for _, twin := range All() {
				if twin.Notice.Package != pkg {
					continue
				}
				t.Run(twin.Name, func(t *testing.T) {
					t.Parallel()
					atOnce <- struct{}{}
					defer func() { <-atOnce }()
					requireCaught(t, twin)
				})
			}
		})
	}
}

func packages() (names []string) {
	for _, twin := range All() {
		names = append(names, twin.Notice.Package)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// requireHealthy runs all tests that must notice a twin on the real program.
func requireHealthy(t *testing.T, pkg string) {
	t.Helper()
	began := time.Now()
	var suites []Suite
	for _, twin := range All() {
		if twin.Notice.Package == pkg {
			suites = join(suites, twin.Notice)
		}
	}
	binary := build(t, pkg, nil)
	for _, suite := range suites {
		output, err := runTests(t, binary, suite)
		require.NoError(t, err, "%s, on the real program:\n%s", suite.Pattern(), output)
	}
	t.Logf("%-16s passes on the real program, %.1f s", pkg, time.Since(began).Seconds())
}

// join adds a suite to those that run the same parts in the same way.
func join(suites []Suite, more Suite) []Suite {
	for i, s := range suites {
		if s.Part == more.Part && slices.Equal(s.Args, more.Args) {
			tests := slices.Concat(s.Tests, more.Tests)
			slices.Sort(tests)
			suites[i].Tests = slices.Compact(tests)
			return suites
		}
	}
	return append(suites, more)
}

func requireCaught(t *testing.T, twin Twin) {
	t.Helper()
	began := time.Now()
	binary := build(t, twin.Notice.Package, twin.overlay(t))
	built := time.Now()
	output, err := runTests(t, binary, twin.Notice)
	if err == nil {
		t.Fatalf("nobody noticed: %s\n%s", twin.Without, output)
	}
	var exit *exec.ExitError
	require.True(t, errors.As(err, &exit), "%v\n%s", err, output)
	require.NotContains(t, string(output), "panic:", "a panic says nothing of the guard")
	require.NotContains(t, string(output), "fatal error:")
	by := failed(output)
	require.NotEmpty(t, by, "no test failed:\n%s", output)
	t.Logf("%-16s caught by %s, built in %.1f s, tested in %.1f s", twin.Notice.Package, by,
		built.Sub(began).Seconds(), time.Since(built).Seconds())
}

// failed names the first test that failed.
func failed(output []byte) string {
	for line := range strings.Lines(string(output)) {
		if name, ok := strings.CutPrefix(line, "--- FAIL: "); ok {
			return strings.Fields(name)[0]
		}
	}
	return ""
}

// overlay writes the changed files beside the tree and returns the file that tells
// the go command to read them instead.
func (twin Twin) overlay(t *testing.T) []string {
	t.Helper()
	files, err := twin.Files(root)
	require.NoError(t, err)
	folder := t.TempDir()
	replace := map[string]string{}
	for name, text := range files {
		real, err := filepath.Abs(filepath.Join(root, filepath.FromSlash(name)))
		require.NoError(t, err)
		changed := filepath.Join(folder, fmt.Sprintf("%d-%s", len(replace), filepath.Base(name)))
		require.NoError(t, os.WriteFile(changed, text, 0o644))
		replace[real] = changed
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	overlay := filepath.Join(folder, "overlay.json")
	require.NoError(t, os.WriteFile(overlay, text, 0o644))
	return []string{"-overlay=" + overlay}
}

// quickly leaves out of a build what no test needs: the work of building is most of
// the work here.
var quickly = []string{"-vet=off", "-gcflags=stockhold/...=-N -l -dwarf=false", "-ldflags=-s -w"}

// build makes a package's test binary.
func build(t *testing.T, pkg string, overlay []string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	binary := filepath.Join(t.TempDir(), "tests")
	args := slices.Concat([]string{"test", "-c", "-o", binary}, quickly, overlay, []string{"./" + pkg})
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = root
	output, err := command.CombinedOutput()
	require.NoError(t, err, "it does not build:\n%s", output)
	return binary
}

// runTests runs a part of a test binary in its package's folder, having seen that
// all tests are in it.
func runTests(t *testing.T, binary string, suite Suite) ([]byte, error) {
	t.Helper()
	listed, err := execute(t, binary, suite, "-test.list="+"^("+strings.Join(suite.Tests, "|")+")$")
	require.NoError(t, err, "%s", listed)
	for _, name := range suite.Tests {
		require.Contains(t, strings.Fields(string(listed)), name)
	}
	args := append([]string{"-test.run=" + suite.Pattern(), "-test.failfast", "-test.timeout=" + testTimeout.String()}, suite.Args...)
	output, err := execute(t, binary, suite, args...)
	if bytes.Contains(output, []byte("no tests to run")) {
		t.Fatalf("%s names no test:\n%s", suite.Pattern(), output)
	}
	return output, err
}

func execute(t *testing.T, binary string, suite Suite, args ...string) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, binary, args...)
	command.Dir = filepath.Join(root, filepath.FromSlash(suite.Package))
	return command.CombinedOutput()
}
