package testservers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/gofrs/flock"
)

// base is the folder that all processes of this user share: port leases, data dir templates, running servers.
// Its name can be guessed, so a folder that someone else made is refused.
func base() (string, error) {
	dir := filepath.Join(os.TempDir(), "stockhold-testservers-"+strconv.Itoa(os.Getuid()))
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("make the servers' folder: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("look at the servers' folder: %w", err)
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm() != 0o700 || !known || int(owner.Uid) != os.Getuid() {
		return "", fmt.Errorf("%s must be a folder of this user that nobody else may use (mode 0700), and is %s", dir, info.Mode())
	}
	return dir, nil
}

// A workspace is this process's folder for its servers. A file lock beside it says that the process lives: the
// kernel drops the lock when the process ends in any way, and the next process then removes the folder.
type workspace struct {
	dir   string
	alive *flock.Flock
}

var (
	openMu sync.Mutex
	opened *workspace
)

// newFolder makes an empty folder for one server.
func newFolder(kind string) (string, error) {
	openMu.Lock()
	defer openMu.Unlock()
	if opened == nil {
		w, err := openWorkspace()
		if err != nil {
			return "", err
		}
		opened = w
	}
	dir, err := os.MkdirTemp(opened.dir, kind+"-")
	if err != nil {
		return "", fmt.Errorf("make a folder for %s: %w", kind, err)
	}
	return dir, nil
}

// removeWorkspace removes this process's folder; the servers in it must have ended.
func removeWorkspace() error {
	openMu.Lock()
	defer openMu.Unlock()
	if opened == nil {
		return nil
	}
	w := opened
	opened = nil
	return errors.Join(os.RemoveAll(w.dir), os.Remove(w.alive.Path()), w.alive.Unlock())
}

func openWorkspace() (*workspace, error) {
	root, err := base()
	if err != nil {
		return nil, err
	}
	runs := filepath.Join(root, "run")
	if err := os.MkdirAll(runs, 0o700); err != nil {
		return nil, fmt.Errorf("make the running servers' folder: %w", err)
	}
	// A workspace is made and left-overs are removed under one lock, so that nobody takes a folder whose owner
	// has not locked it yet for one whose owner is dead.
	turn := flock.New(filepath.Join(root, "run.lock"))
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	if _, err := turn.TryLockContext(ctx, pollInterval); err != nil {
		return nil, fmt.Errorf("lock %s: %w", turn.Path(), err)
	}
	defer turn.Close()
	if err := removeLeftovers(runs); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(runs, strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return nil, fmt.Errorf("make a workspace: %w", err)
	}
	alive := flock.New(dir + aliveSuffix)
	// The name is new and its turn is ours, so nobody else can hold it.
	if _, err := alive.TryLock(); err != nil {
		return nil, fmt.Errorf("lock %s: %w", alive.Path(), err)
	}
	return &workspace{dir: dir, alive: alive}, nil
}

const aliveSuffix = ".alive"

// removeLeftovers removes the workspaces of processes that ended without doing so.
func removeLeftovers(runs string) error {
	entries, err := os.ReadDir(runs)
	if err != nil {
		return fmt.Errorf("list workspaces: %w", err)
	}
	for _, entry := range entries {
		// A folder is named like its lock without the suffix. One of the two may be missing: making and removing
		// them can be cut short.
		dir := filepath.Join(runs, strings.TrimSuffix(entry.Name(), aliveSuffix))
		owner := flock.New(dir + aliveSuffix)
		dead, err := owner.TryLock()
		if err != nil {
			return fmt.Errorf("lock %s: %w", owner.Path(), err)
		}
		if !dead {
			continue
		}
		if err := errors.Join(os.RemoveAll(dir), os.Remove(owner.Path()), owner.Unlock()); err != nil {
			return fmt.Errorf("remove a dead process's workspace: %w", err)
		}
	}
	return nil
}
