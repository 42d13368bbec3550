package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// lifecycle remembers how to undo what was started, and undoes it in the
// opposite order: what was built on something ends before that something does.
type lifecycle struct {
	stops  []stop
	once   sync.Once
	err    error
	failed chan error // the first part that ended by itself
}

type stop struct {
	name string
	do   func(ctx context.Context) error
}

func newLifecycle() *lifecycle { return &lifecycle{failed: make(chan error, 1)} }

// onStop adds what undoes the latest step.
func (l *lifecycle) onStop(name string, do func(ctx context.Context) error) {
	l.stops = append(l.stops, stop{name, do})
}

// background runs a part until it is stopped, and has the stop wait for it.
// A part that ends by itself, with an error or without, fails the whole.
func (l *lifecycle) background(name string, run func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := run(ctx)
		if ctx.Err() == nil {
			l.fail(fmt.Errorf("%s ended by itself: %w", name, orNil(err)))
		}
		ended <- err
	}()
	l.onStop(name, func(stopping context.Context) error {
		cancel()
		select {
		case err := <-ended:
			if errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		case <-stopping.Done():
			return fmt.Errorf("still at work: %w", stopping.Err())
		}
	})
}

var errNoReason = errors.New("without an error")

func orNil(err error) error {
	if err == nil {
		return errNoReason
	}
	return err
}

// fail reports that a part is gone. Only the first report counts.
func (l *lifecycle) fail(err error) {
	select {
	case l.failed <- err:
	default:
	}
}

// stop undoes everything, once. Later calls wait for the first and return what
// it returned. A step that fails does not keep the others from being undone.
func (l *lifecycle) stop(ctx context.Context) error {
	l.once.Do(func() {
		var faults []error
		for i := len(l.stops) - 1; i >= 0; i-- {
			if err := l.stops[i].do(ctx); err != nil {
				faults = append(faults, fmt.Errorf("stop %s: %w", l.stops[i].name, err))
			}
		}
		l.err = errors.Join(faults...)
	})
	return l.err
}
