package app

import (
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
)

// What Go's defaults cost a server like this, measured by internal/faults/load
// with server and stores on one core:
//
//   - The heap is small, so a collection starts every few megabytes, several times
//     a second, and each makes calls wait. The heap may grow to five times what
//     lives in it: best rates were 4,100 to 5,000 a second so, and 3,400 to 4,200 before.
//   - With one processor the runtime looks for I/O only when no goroutine can run,
//     or every 10 ms: under load each round trip to a store takes that long. With
//     two, one can wait for I/O while the other computes; the system shares the core.
const (
	gcPercent  = 400
	leastProcs = 2
)

// TuneRuntime sets both for the whole process, unless the environment says otherwise.
func TuneRuntime(log *slog.Logger) {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < leastProcs {
		runtime.GOMAXPROCS(leastProcs)
	}
	log.Debug("runtime", "processors", runtime.GOMAXPROCS(0))
}
