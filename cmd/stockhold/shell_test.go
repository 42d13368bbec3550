package main_test

import (
	"os/exec"
	"testing"
)

// shell runs a script with bash.
func shell(t *testing.T, script string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "bash", "-c", script).Output()
	return string(out), err
}
