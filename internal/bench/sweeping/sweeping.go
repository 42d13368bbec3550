// Package sweeping measures the sweeper: how many overdue holds a second it
// resolves, and how long a hold that is due waits for it.
package sweeping

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"stockhold/internal/bench/peers"
	"stockhold/internal/bench/stage"
	"stockhold/reservation"
)

// Case is one thing to measure.
type Case struct {
	Name   string
	Ask    bool          // by check-back, of an owner who answers at once; else by policy RELEASE
	Spread time.Duration // 0: all are due at once, for one `stockhold sweep --once`; else over so long, under `stockhold serve`
	Holds  int
	Stock  []peers.Stock
	Seed   uint64
}

// Result is what a case came to.
type Result struct {
	Name      string  `json:"name"`
	About     string  `json:"about"`
	Holds     int     `json:"holds"`
	PerSecond float64 `json:"holds_per_s,omitempty"` // of those that were due all at once
	P50       float64 `json:"due_to_resolved_p50_ms"`
	P99       float64 `json:"due_to_resolved_p99_ms"`
	Max       float64 `json:"due_to_resolved_max_ms"`
}

// How long it takes to make the tables, and how many holds a second are surely
// put into them: they fall due once they are there.
const (
	loadStart = 2 * time.Second
	loadRate  = 15_000
)

// Run makes the holds, lets the sweeper at them, and checks every one.
func Run(ctx context.Context, s *stage.Stage, c Case) (result Result, err error) {
	due := time.Now().Add(loadStart + time.Duration(c.Holds)*time.Second/loadRate).Truncate(time.Microsecond)
	policy := reservation.ReleaseOnExpiry
	if c.Ask {
		policy = reservation.AskOwner
	}
	past := stage.Overdue(c.Holds, policy, c.Seed, func(i int) time.Time {
		return due.Add(time.Duration(float64(c.Spread) * float64(i) / float64(c.Holds)))
	})
	ledger, err := s.Ledger(ctx, c.Stock, past)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	desk, err := openDesk(ctx)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, desk.close()) }()
	flags := ledger.Flags()
	if c.Ask {
		flags = append(flags, "--deciders="+reservation.DefaultName+"="+desk.url)
	}

	began := due
	if c.Spread == 0 {
		if began, err = sweepOnce(ctx, s, flags, due, c.Holds); err != nil {
			return result, err
		}
	} else if err = serve(ctx, s, ledger, flags, due.Add(c.Spread)); err != nil {
		return result, err
	}
	fates, err := ledger.Fates(ctx)
	if err != nil {
		return result, err
	}
	if err := check(fates, c); err != nil {
		return result, err
	}
	return summarize(c, fates, began), nil
}

// sweepOnce waits until everything is due and runs one sweep over it.
func sweepOnce(ctx context.Context, s *stage.Stage, flags []string, due time.Time, holds int) (began time.Time, err error) {
	if err := waitUntil(ctx, due); err != nil {
		return began, err
	}
	began = time.Now()
	out, err := s.Command(ctx, append([]string{"sweep", "--once", "--json"}, flags...)...)
	if err != nil {
		return began, err
	}
	var report struct{ Confirmed, Canceled, Expired, Failed int }
	if err := json.Unmarshal(out, &report); err != nil {
		return began, fmt.Errorf("read the sweep's report: %w\n%s", err, out)
	}
	if done := report.Confirmed + report.Canceled + report.Expired; done != holds || report.Failed != 0 {
		return began, fmt.Errorf("the sweep says that it resolved %d of %d holds: %s", done, holds, out)
	}
	return began, nil
}

// patience is how long a serving sweeper may take after the last hold is due.
const patience = time.Minute

// serve lets a server sweep beside its (here: no) calls, as it does by default.
func serve(ctx context.Context, s *stage.Stage, ledger *stage.Ledger, flags []string, last time.Time) (err error) {
	server, err := s.Serve(ctx, ledger, flags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	if err := waitUntil(ctx, last); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		left, err := ledger.Undecided(ctx)
		if err != nil || left == 0 {
			return err
		}
		if err := waitUntil(ctx, time.Now().Add(100*time.Millisecond)); err != nil {
			return fmt.Errorf("%d holds are still undecided: %w", left, err)
		}
	}
}

func waitUntil(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// check sees that every hold ended as it should have.
func check(fates []stage.Fate, c Case) error {
	if len(fates) != c.Holds {
		return fmt.Errorf("%d holds were made, and %d are there", c.Holds, len(fates))
	}
	for _, fate := range fates {
		want := reservation.Expired
		if c.Ask {
			want = decided(fate.ID)
		}
		if fate.State != want {
			return fmt.Errorf("hold %s is %s, and should be %s", fate.ID, fate.State, want)
		}
		if fate.Resolved.Before(fate.Expires) {
			return fmt.Errorf("hold %s was resolved %s before it was due", fate.ID, fate.Expires.Sub(fate.Resolved))
		}
	}
	return nil
}

// summarize counts a hold's waiting from when it was due, or from when the sweep
// began, if that was later.
func summarize(c Case, fates []stage.Fate, began time.Time) Result {
	waits := make([]float64, len(fates))
	var last time.Time
	for i, fate := range fates {
		from := fate.Expires
		if c.Spread == 0 && from.Before(began) {
			from = began
		}
		waits[i] = float64(fate.Resolved.Sub(from).Microseconds()) / 1000
		if fate.Resolved.After(last) {
			last = fate.Resolved
		}
	}
	slices.Sort(waits)
	at := func(share float64) float64 { return waits[min(len(waits)-1, int(share*float64(len(waits))))] }
	result := Result{Name: c.Name, About: c.about(), Holds: len(fates), P50: at(0.5), P99: at(0.99), Max: waits[len(waits)-1]}
	if c.Spread == 0 {
		result.PerSecond = float64(len(fates)) / last.Sub(began).Seconds()
	}
	return result
}

func (c Case) about() string {
	how, when := "by policy RELEASE", "all due at once, `stockhold sweep --once`"
	if c.Ask {
		how = "by check-back (half COMMIT, half ABORT)"
	}
	if c.Spread > 0 {
		when = fmt.Sprintf("due one after the other over %s, `stockhold serve`", c.Spread)
	}
	return how + ", " + when
}
