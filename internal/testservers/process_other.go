//go:build !linux

package testservers

import "syscall"

// childAttributes leaves the child in its parent's process group: without Linux's parent death signal, Ctrl-C in
// the terminal is what ends the child of a test that was broken off.
func childAttributes() *syscall.SysProcAttr { return nil }
