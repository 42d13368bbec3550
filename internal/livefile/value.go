package livefile

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
)

// MaxBytes bounds a file: a path that names something else is noticed instead of read.
const MaxBytes = 1 << 20

// Value is what a function made of the content of files. It is safe for
// concurrent use.
type Value[T any] struct {
	name  string
	paths []string
	make  func(contents [][]byte) (T, error)
	log   *slog.Logger

	current atomic.Pointer[version[T]]

	mu     sync.Mutex // held while looking
	seen   [sha256.Size]byte
	failed string // the failure that was told last
}

type version[T any] struct {
	value  T
	number uint64
}

// Load makes a value of files, and adds it to those that the watch looks after.
// name is how errors and the log speak of it.
func Load[T any](w *Watch, name string, paths []string, make func(contents [][]byte) (T, error)) (*Value[T], error) {
	v := &Value[T]{name: name, paths: paths, make: make, log: w.log}
	swap, err := v.look()
	if err != nil {
		return nil, err
	}
	swap()
	w.add(v)
	return v, nil
}

// Get is the value as it is now.
func (v *Value[T]) Get() T { return v.current.Load().value }

// Version counts the changes: what was derived from a value is stale once it moved.
func (v *Value[T]) Version() uint64 { return v.current.Load().number }

// look reads the files. It returns what puts a new value in the place of the old
// one, nil if nothing changed; an error leaves all as it was.
func (v *Value[T]) look() (swap func(), err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	contents, sum, err := read(v.paths)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.name, err)
	}
	if v.current.Load() != nil && sum == v.seen {
		return nil, nil
	}
	value, err := v.make(contents)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.name, err)
	}
	return func() { v.swap(value, sum) }, nil
}

func (v *Value[T]) swap(value T, sum [sha256.Size]byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	next := &version[T]{value: value, number: 1}
	if before := v.current.Load(); before != nil {
		next.number = before.number + 1
	}
	v.current.Store(next)
	v.seen = sum
}

// refresh looks, takes what is new, and tells the log what came of it: a failure
// once, however often the same one is met.
func (v *Value[T]) refresh() error {
	swap, err := v.look()
	if swap != nil {
		swap()
		v.log.Info("loaded again", "what", v.name, "files", v.paths)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case err == nil:
		v.failed = ""
	case err.Error() != v.failed:
		v.failed = err.Error()
		v.log.Error("what is in a file cannot be used: what was there before stays in force", "files", v.paths, "error", err)
	}
	return err
}

func (v *Value[T]) what() string { return v.name }

func read(paths []string) (contents [][]byte, sum [sha256.Size]byte, err error) {
	all := sha256.New()
	for _, path := range paths {
		content, err := readFile(path)
		if err != nil {
			return nil, sum, err
		}
		own := sha256.Sum256(content)
		all.Write(own[:]) // never fails
		contents = append(contents, content)
	}
	return contents, [sha256.Size]byte(all.Sum(nil)), nil
}

var errEmpty = errors.New("it is empty")

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > MaxBytes:
		return nil, fmt.Errorf("%s has more than %d bytes", path, MaxBytes)
	case len(content) == 0:
		return nil, fmt.Errorf("%s: %w", path, errEmpty)
	}
	return content, nil
}
