package sweeper

import (
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
	Page     int           // holds in one page, and one transaction; default 500, which is the most: callers may want the same rows

	Lease          time.Duration // how long a claimed hold is left to the sweeper that claimed it; default 30 s
	RequestTimeout time.Duration // one request to a decider; default 5 s, at most a third of Lease
	Questions      int           // most questions in one request; default 100
	Parallel       int           // owners asked at once; default 8

	Backoff   time.Duration // before the next check of a hold that nobody decided about; doubles with each; default 5 s
	Slowest   time.Duration // where Backoff ends, and how often a parked hold is asked; default 10 min
	ParkAfter int           // checks without a decision until a hold is parked; default 10

	BreakerFailures int           // requests in a row without a usable answer that open an owner's breaker; default 5
	BreakerPause    time.Duration // how long it stays open before one request may try again; default six times Backoff, at most 30 s

	Grace     time.Duration         // how long a hold may be pending in the gate; default 30 s, longer than any call takes
	Retention reservation.Retention // how long what ended is kept; default 30 d, tombstones 24 h, adjustments 30 d

	Random func(n int64) int64 // a number in [0, n), for jitter; default rand.Int64N
	Logger *slog.Logger        // default slog.Default()
}

const day = 24 * time.Hour

func (o Options) withDefaults() Options {
	set(&o.Interval, time.Second)
	set(&o.Page, maxPage)
	set(&o.Lease, 30*time.Second)
	set(&o.RequestTimeout, 5*time.Second)
	set(&o.Questions, 100)
	set(&o.Parallel, 8)
	set(&o.Backoff, 5*time.Second)
	set(&o.Slowest, 10*time.Minute)
	set(&o.ParkAfter, 10)
	set(&o.BreakerFailures, 5)
	set(&o.BreakerPause, min(30*time.Second, 6*o.Backoff))
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
