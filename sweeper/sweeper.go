package sweeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"stockhold/reservation"
)

// Options shape a sweeper. Zero fields take the defaults.
type Options struct {
	Interval time.Duration // between two passes of Run while nothing is due; default 1 s
	Page     int           // holds in one page; default 200, at most 500: callers share the ledger's queue

	Lease          time.Duration // how long a claimed hold is left to the sweeper that claimed it; default 30 s
	RequestTimeout time.Duration // one request to a decider; default 5 s, at most a third of Lease
	Questions      int           // most questions in one request; default 100
	Parallel       int           // owners asked at once; default 8

	Backoff   time.Duration // before the next check of a hold that nobody decided about; doubles with each; default 5 s
	Slowest   time.Duration // where Backoff ends, and how often a parked hold is asked; default 10 min
	ParkAfter int           // checks without a decision until a hold is parked; default 10

	BreakerFailures int           // requests in a row without a usable answer that open an owner's breaker; default 5
	BreakerPause    time.Duration // how long it stays open before one request may try again; default 30 s

	Grace     time.Duration         // how long a hold may be pending in the gate; default 30 s, longer than any call takes
	Retention reservation.Retention // how long what ended is kept; default 30 d, tombstones 24 h, adjustments 30 d

	Random func(n int64) int64 // a number in [0, n), for jitter; default rand.Int64N
	Logger *slog.Logger        // default slog.Default()
}

const day = 24 * time.Hour

func (o Options) withDefaults() Options {
	set(&o.Interval, time.Second)
	set(&o.Page, 200)
	set(&o.Lease, 30*time.Second)
	set(&o.RequestTimeout, 5*time.Second)
	set(&o.Questions, 100)
	set(&o.Parallel, 8)
	set(&o.Backoff, 5*time.Second)
	set(&o.Slowest, 10*time.Minute)
	set(&o.ParkAfter, 10)
	set(&o.BreakerFailures, 5)
	set(&o.BreakerPause, 30*time.Second)
	set(&o.Grace, 30*time.Second)
	set(&o.Retention.Ended, 30*day)
	set(&o.Retention.Tombstones, day)
	set(&o.Retention.Adjustments, 30*day)
	if o.Random == nil {
		o.Random = rand.Int64N
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

func set[T comparable](field *T, fallback T) {
	var zero T
	if *field == zero {
		*field = fallback
	}
}

const (
	maxPage   = 500
	maxChecks = 30_000 // what the ledger's column can count, and enough for half a year of the slowest checks
)

// check names every option that makes no sense.
func (o Options) check() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf("sweeper: "+format, args...)) }
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"Interval", o.Interval}, {"Lease", o.Lease}, {"RequestTimeout", o.RequestTimeout}, {"Backoff", o.Backoff},
		{"Slowest", o.Slowest}, {"BreakerPause", o.BreakerPause}, {"Grace", o.Grace}, {"Retention.Ended", o.Retention.Ended},
		{"Retention.Tombstones", o.Retention.Tombstones}, {"Retention.Adjustments", o.Retention.Adjustments},
	} {
		if d.value < time.Millisecond {
			fault("%s is %s, must be at least 1ms", d.name, d.value)
		}
	}
	for _, n := range []struct {
		name        string
		value, most int
	}{
		{"Page", o.Page, maxPage}, {"Questions", o.Questions, maxPage}, {"Parallel", o.Parallel, maxPage},
		{"ParkAfter", o.ParkAfter, maxChecks}, {"BreakerFailures", o.BreakerFailures, maxChecks},
	} {
		if n.value < 1 || n.value > n.most {
			fault("%s is %d, must be 1 to %d", n.name, n.value, n.most)
		}
	}
	if 3*o.RequestTimeout > o.Lease {
		fault("RequestTimeout is %s, must be at most a third of Lease (%s): "+
			"a sweeper must be able to ask and act before others claim the same holds", o.RequestTimeout, o.Lease)
	}
	return errors.Join(errs...)
}

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
	troubled map[string]bool // steps whose last attempt failed
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
		log: opts.Logger, metrics: metrics, troubled: map[string]bool{},
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
		more, _ := s.decide(ctx, &report, nil) // it has been logged and counted, and the next pass tries again
		if !more || time.Since(tidied) >= s.opts.Interval {
			_ = s.tidy(ctx, &report) // likewise
			tidied = time.Now()
		}
		s.metrics.passed(ctx, report, time.Since(began))
		if !more {
			wait(ctx, s.opts.Interval*4/5+time.Duration(s.opts.Random(int64(s.opts.Interval*2/5))))
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
	return report, errors.Join(errs...)
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
