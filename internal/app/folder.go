package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// What a data folder holds.
const (
	ledgerFile = "stockhold.db"
	lockFile   = "stockhold.lock"
)

// ErrInUse: another process serves, or migrates, the same data folder.
var ErrInUse = errors.New("the data folder is in use")

// lockFolder makes the data folder if need be and locks it for this process. The
// lock goes with the process, however that one ends; the file stays.
//
// One server per embedded ledger: the database would bear a second, but not the
// gates, which would each believe to see all holds.
func lockFolder(folder string) (*flock.Flock, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	path := filepath.Join(folder, lockFile)
	lock := flock.New(path, flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the data folder with %s: %w", path, err)
	}
	if !locked {
		return nil, fmt.Errorf("%w: %s is locked by another stockhold%s; stop it, or choose another folder with --data",
			ErrInUse, folder, lockedBy(path))
	}
	// The number is for the message above only, so a failure to leave it is none.
	_ = os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
	return lock, nil
}

// lockedBy names the process that holds the lock, if it left its number.
func lockedBy(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}

// findLedger returns the path of the embedded ledger that is already in a
// folder. Opening one that is not there would make an empty one, and a command
// with a mistyped folder would work on that without a word.
func findLedger(folder string) (string, error) {
	path := filepath.Join(folder, ledgerFile)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("there is no embedded ledger: %w (set --data to the folder of the server, or --mysql-dsn)", err)
	}
	return path, nil
}
