package proc

import (
	"fmt"

	"github.com/prometheus/procfs"
)

// Usage is what processes have cost so far.
type Usage struct {
	CPUSeconds float64 // user and system
	RSSBytes   int64   // resident now
}

// UsageOf adds up the usage of processes.
func UsageOf(pids ...int) (Usage, error) {
	var sum Usage
	for _, pid := range pids {
		process, err := procfs.NewProc(pid)
		if err != nil {
			return Usage{}, fmt.Errorf("look at process %d: %w", pid, err)
		}
		stat, err := process.Stat()
		if err != nil {
			return Usage{}, fmt.Errorf("read the usage of process %d: %w", pid, err)
		}
		sum.CPUSeconds += stat.CPUTime()
		sum.RSSBytes += int64(stat.ResidentMemory())
	}
	return sum, nil
}
