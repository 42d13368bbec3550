//go:build faults

package load

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// cores are those that this process may use.
func cores() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("ask for the cores of this process: %w", err)
	}
	var all []int
	for core := range len(set) * 64 {
		if set.IsSet(core) {
			all = append(all, core)
		}
	}
	return all, nil
}

// moveTo makes every thread of this process, and every process that it starts from
// now on, use the given cores only.
func moveTo(cores []int) error {
	var set unix.CPUSet
	for _, core := range cores {
		set.Set(core)
	}
	// Threads that are started meanwhile inherit from one that was moved, or is still
	// to be: twice is enough.
	for range 2 {
		tasks, err := filepath.Glob("/proc/self/task/*")
		if err != nil {
			return err
		}
		for _, task := range tasks {
			id, err := strconv.Atoi(filepath.Base(task))
			if err != nil {
				return err
			}
			if err := unix.SchedSetaffinity(id, &set); err != nil && !os.IsNotExist(err) && err != unix.ESRCH {
				return fmt.Errorf("move thread %d to cores %v: %w", id, cores, err)
			}
		}
	}
	return nil
}
