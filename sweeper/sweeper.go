package sweeper

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"stockhold/internal/tracing"
)

// Sweeper makes passes. Call either Run or RunOnce, one at a time; for more at
// once, make more sweepers.
type Sweeper struct {
	store    Store
	ledger   Ledger
	gate     Gate // nil: there is none to tidy
	owners   map[string]*owner
	opts     Options
	log      *slog.Logger
	metrics  *metrics
	cursor   uint64          // where the next slice of the gate begins
	negative int             // rows below zero, since the gate's first
	troubled map[string]bool // steps whose last attempt failed

	next    atomic.Pointer[change] // what to go by from the next page on; nil: no change
	changed chan struct{}          // ends the wait for the next pass
}

// New makes a sweeper. The ledger must be running whenever the sweeper is.
// Deciders are by owner; the holds of an owner without one end up parked, in
// front of an operator. A nil gate is one that this process cannot reach.
func New(store Store, ledger Ledger, gate Gate, deciders map[string]Decider, opts Options) (*Sweeper, error) {
	opts = opts.withDefaults()
	if err := opts.check(); err != nil {
		return nil, err
	}
	metrics, err := newMetrics()
	if err != nil {
		return nil, err
	}
	s := &Sweeper{
		store: store, ledger: ledger, gate: gate, owners: map[string]*owner{}, opts: opts,
		log: opts.Logger, metrics: metrics, troubled: map[string]bool{}, changed: make(chan struct{}, 1),
	}
	for name, decider := range deciders {
		s.owners[name] = newOwner(name, decider, opts, metrics)
	}
	return s, nil
}

// Run makes passes until ctx ends: one every Interval, jittered so that several
// sweepers do not march in step, and at once again while something was due. The
// gate and the purge get their turn once an Interval, however much is due.
func (s *Sweeper) Run(ctx context.Context) error {
	var tidied time.Time
	for ctx.Err() == nil {
		began := time.Now()
		var report Report
		inPass, span := tracing.Start(ctx, tracing.Pass)
		more, _ := s.decide(inPass, &report, nil) // it has been logged and counted, and the next pass tries again
		if !more || time.Since(tidied) >= s.opts.Interval {
			_ = s.tidy(inPass, &report) // likewise
			tidied = time.Now()
		}
		s.metrics.passed(ctx, report, time.Since(began))
		endPass(span, report)
		if !more {
			s.wait(ctx, s.opts.Interval*4/5+time.Duration(s.opts.Random(int64(s.opts.Interval*2/5))))
		}
	}
	return nil
}

// RunOnce makes passes until nothing is due, goes through the whole gate once,
// and purges. A hold that was asked about and not decided is done with for this
// run, even if it comes due again meanwhile.
//
// The report tells what was done and what failed, however it ends; the error is
// for what stopped a step on the ledger's side, and for a ctx that ended first.
// A gate that is away is neither: see [Report.GateFailed].
func (s *Sweeper) RunOnce(ctx context.Context) (Report, error) {
	began := time.Now()
	ctx, span := tracing.Start(ctx, tracing.Pass)
	var report Report
	asked := newMemory()
	var errs []error
	for more := true; more && ctx.Err() == nil; {
		var err error
		more, err = s.decide(ctx, &report, asked)
		errs = append(errs, err)
	}
	errs = append(errs, s.tidyAll(ctx, &report), ctx.Err())
	s.metrics.passed(ctx, report, time.Since(began))
	endPass(span, report)
	return report, errors.Join(errs...)
}

func (s *Sweeper) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-s.changed:
	}
}
