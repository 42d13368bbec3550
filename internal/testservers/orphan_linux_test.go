package testservers_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNothingOutlivesAKilledProcess(t *testing.T) {
	first := startChild(t)
	require.NoError(t, first.command.Process.Kill())
	require.Error(t, first.command.Wait())
	for _, pid := range first.pids {
		require.Eventually(t, func() bool { return gone(pid) }, patience, tick, "process %d lives on", pid)
	}

	second := startChild(t)
	require.NoDirExists(t, first.folder, "the next process removes the folder")
	require.NoFileExists(t, first.folder+".alive")
	require.NoError(t, second.input.Close())
	require.NoError(t, second.command.Wait())
	for _, pid := range second.pids {
		require.True(t, gone(pid))
	}
	require.NoDirExists(t, second.folder)
	require.NoFileExists(t, second.folder+".alive")
}

type childProcess struct {
	command *exec.Cmd
	input   io.Closer // the child goes on until its input ends
	pids    [2]int
	folder  string
}

func startChild(t *testing.T) childProcess {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	c := childProcess{command: exec.CommandContext(t.Context(), self)}
	c.command.Env = append(os.Environ(), childVariable+"=1")
	c.command.Stderr = os.Stderr
	c.input, err = c.command.StdinPipe()
	require.NoError(t, err)
	output, err := c.command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.command.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	_, err = fmt.Sscan(line, &c.pids[0], &c.pids[1], &c.folder)
	require.NoError(t, err)
	for _, pid := range c.pids {
		require.False(t, gone(pid))
	}
	return c
}

// gone reports whether a process that is not our child has ended; a zombie that nobody reaps has.
func gone(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err != nil || strings.Contains(string(status), "State:\tZ")
}
