package inventory

import (
	"context"
	"errors"
	"fmt"
)

// Outcome is what the gate says of a hold.
type Outcome uint8

// The first four are the numbers that freeze.lua returns.
const (
	// Frozen: all lines fit and are taken out of what the gate shows as available.
	Frozen Outcome = iota
	// Duplicate: the hold is pending already; nothing changed.
	Duplicate
	// NotLoaded: the gate knows nothing of some rows. Settle their views and freeze again.
	NotLoaded
	// Insufficient: some lines do not fit what the gate believes. Ask the ledger
	// before anyone hears of it.
	Insufficient
	// Away: there is no answer. The ledger decides without the gate.
	Away
)

func (o Outcome) String() string {
	switch o {
	case Frozen:
		return "frozen"
	case Duplicate:
		return "duplicate"
	case NotLoaded:
		return "not_loaded"
	case Insufficient:
		return "insufficient"
	case Away:
		return "away"
	}
	return fmt.Sprintf("outcome %d", uint8(o))
}

// Freeze is the gate's answer for one hold.
type Freeze struct {
	Outcome Outcome
	// Lines are the indexes into Hold.Lines of all lines that are NotLoaded or
	// Insufficient, in order.
	Lines []int
	// Err says why the outcome is Away. It wraps ErrAway if Redis cannot answer
	// now; otherwise the caller stopped waiting, or the answer made no sense.
	Err error
}

// Freeze asks for all holds and answers for each, in the same order. The holds
// are independent of each other; each is all lines or none. Their lines must
// have been merged, with quantities of at least 1.
//
// Many holds share one round trip, up to some thousand lines; single holds share
// one with those of other goroutines. When Redis is away for one round trip, the
// holds after it are not tried. A hold whose outcome is Away may be frozen all
// the same: settle it, or leave it to the sweeper.
func (g *Gate) Freeze(ctx context.Context, holds []Hold) []Freeze {
	results := make([]Freeze, 0, len(holds))
	for len(results) < len(holds) {
		rest := holds[len(results):]
		trip, err := g.freezeTrip(ctx, rest[:tripLength(rest)])
		results = append(results, trip...)
		if errors.Is(err, ErrAway) || errors.Is(err, errCallerGone) {
			results = append(results, away(len(holds)-len(results), err)...)
		}
		g.metrics.failed(ctx, "freeze", err)
	}
	g.metrics.frozen(ctx, results)
	return results
}

// tripLength says how many of the holds go into one round trip: at least one.
func tripLength(holds []Hold) int {
	lines := 0
	for i, hold := range holds {
		lines += len(hold.Lines)
		if i > 0 && (lines > linesPerTrip || i >= rowsPerTrip) {
			return i
		}
	}
	return len(holds)
}

// freezeTrip answers for each hold, and returns the error that says most about
// the state of Redis: the first ErrAway, else the first of any kind.
func (g *Gate) freezeTrip(ctx context.Context, holds []Hold) ([]Freeze, error) {
	calls := make([]call, len(holds))
	for i, hold := range holds {
		calls[i] = g.freezeCall(hold)
	}
	var results []Freeze
	err := g.breaker.do(func() error {
		var worst error
		results = make([]Freeze, len(holds))
		for i, r := range g.trip(ctx, calls) {
			frozen, err := decodeFreezeReply(r, len(holds[i].Lines))
			if err != nil {
				frozen = Freeze{Outcome: Away, Err: fmt.Errorf("freeze hold %s: %w", holds[i].HoldID, err)}
				if worst == nil || errors.Is(err, ErrAway) && !errors.Is(worst, ErrAway) {
					worst = err
				}
			}
			results[i] = frozen
		}
		return worst
	})
	if results == nil { // the breaker did not let the call through
		results = away(len(holds), err)
	}
	return results, err
}

func (g *Gate) freezeCall(hold Hold) call {
	c := call{
		script: g.scripts.freeze,
		keys:   make([]string, 0, 2+len(hold.Lines)),
		args:   make([]any, 0, len(hold.Lines)),
	}
	c.keys = append(c.keys, g.keys.pending(), g.keys.hold(hold.HoldID))
	for _, line := range hold.Lines {
		c.keys = append(c.keys, g.keys.row(line.Key))
		c.args = append(c.args, line.Quantity)
	}
	return c
}

func decodeFreezeReply(r reply, lines int) (Freeze, error) {
	if r.err != nil {
		return Freeze{}, r.err
	}
	return decodeFreeze(r.value, lines)
}

func away(count int, err error) []Freeze {
	results := make([]Freeze, count)
	for i := range results {
		results[i] = Freeze{Outcome: Away, Err: err}
	}
	return results
}
