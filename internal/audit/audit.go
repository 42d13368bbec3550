package audit

import (
	"context"
	"fmt"
	"time"

	"stockhold/internal/store"
	"stockhold/inventory"
)

// Deps are what an audit reads.
type Deps struct {
	// Ledger is read in a snapshot, and again by key when the gate is compared.
	Ledger *store.Store
	// Gate is nil where it is inside another process: then only the ledger is
	// judged. It must not be an empty one of this process's own, which would
	// look clean.
	Gate Gate
}

// Gate is what an audit reads of an [inventory.Gate].
type Gate interface {
	Scan(ctx context.Context, cursor uint64, count int64) (keys []inventory.Key, next uint64, err error)
	Rows(ctx context.Context, keys []inventory.Key) ([]inventory.Row, error)
	Pending(ctx context.Context, olderThan time.Duration, limit int) ([]inventory.Hold, error)
}

// Options shape an audit. Zero fields take the defaults.
type Options struct {
	// Pause lies between the two looks at a gate row that differs; default 2 s.
	// Longer than the gate takes to hear of a commit.
	Pause time.Duration
	// Grace is how long a hold may be pending in the gate; default 60 s. Longer
	// than the sweeper's, so that what it is about to settle is not reported.
	Grace time.Duration
	// Show is how many differences of one kind are listed; the others are only
	// counted. Default 20.
	Show int
	// Page is how many rows one statement reads, and what is held in memory;
	// default 2,000: short even if every row comes from a disk.
	Page int
	// Progress, if set, hears after every page how far a step has come. It is
	// called on the caller's goroutine.
	Progress func(step string, done int64)
}

func (o Options) withDefaults() Options {
	set(&o.Pause, 2*time.Second)
	set(&o.Grace, 60*time.Second)
	set(&o.Show, 20)
	set(&o.Page, 2000)
	if o.Progress == nil {
		o.Progress = func(string, int64) {}
	}
	return o
}

func set[T int | time.Duration](field *T, fallback T) {
	if *field <= 0 {
		*field = fallback
	}
}

// auditor is one audit under way.
type auditor struct {
	store    *store.Store
	snapshot *store.Snapshot
	seen     Gate
	opts     Options
	report   Report

	linesBySKU int64 // read so far; lines of a sku with many places are read more than once
}

// Run makes one audit. Differences are not errors: they are in the report. An
// error means that the ledger could not be read to its end, or that ctx ended;
// the report then holds what was found until there, and must not be read as
// clean.
func Run(ctx context.Context, deps Deps, opts Options) (Report, error) {
	a := &auditor{store: deps.Ledger, seen: deps.Gate, opts: opts.withDefaults()}
	a.report = newReport(a.opts.Show)
	if err := a.judgeLedger(ctx); err != nil {
		return a.report, fmt.Errorf("audit the ledger at %s: %w", a.store.Where(), err)
	}
	if err := a.judgeGate(ctx); err != nil {
		return a.report, fmt.Errorf("audit the gate: %w", err)
	}
	a.report.Complete = true
	return a.report, nil
}

func (a *auditor) judgeLedger(ctx context.Context) (err error) {
	a.snapshot, err = a.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer a.snapshot.Close()
	if err := a.walkReservations(ctx); err != nil {
		return err
	}
	return a.walkStocks(ctx)
}
