package faults

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// endWithParent sees that a test that is killed leaves no process behind, and that
// a terminal's Ctrl-C reaches the test alone, which ends its processes itself.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// standsStill reports whether all threads of a process are stopped.
func standsStill(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return false
	}
	for _, thread := range threads {
		// The state follows the name, which is in parentheses and may hold any.
		stat, err := os.ReadFile(thread)
		if end := bytes.LastIndexByte(stat, ')'); err != nil || end < 0 || !bytes.HasPrefix(stat[end+1:], []byte(" T")) {
			return false
		}
	}
	return len(threads) > 0
}
