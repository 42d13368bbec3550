package testservers

import "syscall"

// childAttributes make the kernel kill the child when the thread that started it ends, and keep the terminal's
// Ctrl-C from reaching it before its owner has finished with it.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
