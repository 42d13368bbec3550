//go:build faults

package crashpoint

import (
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Enabled says whether this binary has crash points.
const Enabled = true

var (
	file = os.Getenv("CRASHPOINT_FILE")
	mu   sync.Mutex // one point at a time reads and removes the file
)

// Reach does what the file asks for at this point, if anything.
func Reach(point string) {
	if file == "" {
		return
	}
	action := armed(point)
	if len(action) == 0 {
		return
	}
	switch action[0] {
	case "kill":
		if len(action) > 1 {
			pause, _ := time.ParseDuration(action[1])
			time.Sleep(pause)
		}
		signal(syscall.SIGKILL)
		select {} // a signal to oneself may take a moment
	case "stop":
		signal(syscall.SIGSTOP)
		time.Sleep(10 * time.Millisecond) // a signal to oneself may take a moment
	default:
		panic("crashpoint: no action " + action[0])
	}
}

// armed takes the action from the file if it is about this point.
func armed(point string) []string {
	mu.Lock()
	defer mu.Unlock()
	text, err := os.ReadFile(file)
	if err != nil {
		return nil // nothing is armed
	}
	words := strings.Fields(string(text))
	if len(words) < 2 || words[0] != point {
		return nil
	}
	if err := os.Remove(file); err != nil {
		panic(err)
	}
	return words[1:]
}

func signal(s syscall.Signal) {
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		panic(err)
	}
}
