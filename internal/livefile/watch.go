package livefile

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Interval is how soon a change of a file is noticed.
const Interval = 5 * time.Second

// Watch looks after the values of a process.
type Watch struct {
	log      *slog.Logger
	interval time.Duration

	mu     sync.Mutex
	values []watched
}

type watched interface {
	what() string
	look() (swap func(), err error)
	refresh() error
}

// NewWatch makes a watch over nothing yet. An interval of 0 is Interval.
func NewWatch(interval time.Duration, log *slog.Logger) *Watch {
	if interval <= 0 {
		interval = Interval
	}
	return &Watch{log: log, interval: interval}
}

func (w *Watch) add(value watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.values = append(w.values, value)
}

// Run looks at all files time and again until ctx ends.
func (w *Watch) Run(ctx context.Context) error {
	tick := time.NewTicker(w.interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = w.Reload() // which logged what failed
		case <-ctx.Done():
			return nil
		}
	}
}

// Reload looks at all files now. The error names everything that could not be
// used; those values stay as they were, and the others are new.
func (w *Watch) Reload() error {
	var failed []error
	for _, v := range w.all() {
		failed = append(failed, v.refresh())
	}
	return errors.Join(failed...)
}

// Prepare looks at all files now and changes nothing yet: apply takes all that is
// new at once, and names says what that is. An error names everything that could
// not be used.
func (w *Watch) Prepare() (apply func(), names []string, err error) {
	var swaps []func()
	var failed []error
	for _, v := range w.all() {
		swap, err := v.look()
		failed = append(failed, err)
		if swap != nil {
			swaps, names = append(swaps, swap), append(names, v.what())
		}
	}
	if err := errors.Join(failed...); err != nil {
		return nil, nil, err
	}
	return func() {
		for _, swap := range swaps {
			swap()
		}
	}, names, nil
}

func (w *Watch) all() []watched {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.values
}
