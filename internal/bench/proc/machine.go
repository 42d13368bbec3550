package proc

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/prometheus/procfs"
)

// Machine is what everything ran on.
type Machine struct {
	CPU      string  `json:"cpu"`
	Cores    int     `json:"cores"`
	MemoryGB float64 `json:"memory_gib"`
	Kernel   string  `json:"kernel"`
	Go       string  `json:"go"`
	Load     float64 `json:"load_at_start"` // runnable processes in the minute before
}

// ReadMachine asks the kernel.
func ReadMachine() (Machine, error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return Machine{}, fmt.Errorf("look at the machine: %w", err)
	}
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH}
	cpus, err := fs.CPUInfo()
	if err != nil {
		return Machine{}, fmt.Errorf("read the kind of CPU: %w", err)
	}
	if len(cpus) > 0 {
		m.CPU = cpus[0].ModelName
	}
	memory, err := fs.Meminfo()
	if err != nil {
		return Machine{}, fmt.Errorf("read the size of the memory: %w", err)
	}
	if memory.MemTotalBytes != nil {
		m.MemoryGB = float64(*memory.MemTotalBytes) / (1 << 30)
	}
	load, err := fs.LoadAvg()
	if err != nil {
		return Machine{}, fmt.Errorf("read the load: %w", err)
	}
	m.Load = load.Load1
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return Machine{}, fmt.Errorf("read the kernel's version: %w", err)
	}
	m.Kernel = strings.TrimSpace(string(kernel))
	return m, nil
}
