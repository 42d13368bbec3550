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
// have been merged, with quantities of at least 1. None of it may change afterwards:
// when the caller stops waiting, it may be on its way all the same.
//
// Many holds share one round trip, up to some thousand lines, and with those of
// other goroutines: one that is under way when they come is waited for. So each
// round trip takes up to two time-outs. When Redis is away for one, the holds after
// it are not tried. A hold whose outcome is Away may be frozen all the same: settle
// it, or leave it to the sweeper.
func (g *Gate) Freeze(ctx context.Context, holds []Hold) []Freeze {
	results := make([]Freeze, len(holds))
	for done := 0; done < len(holds); {
		next := done + tripLength(holds[done:])
		err := g.convoy.send(ctx, holds[done:next], results[done:next])
		if errors.Is(err, ErrAway) || errors.Is(err, errCallerGone) {
			next = len(holds)
		}
		if err != nil {
			g.away(ctx, results[done:next], err)
		}
		done = next
	}
	return results
}

// away answers for holds of which no flight brought news.
func (g *Gate) away(ctx context.Context, results []Freeze, err error) {
	for i := range results {
		results[i] = Freeze{Outcome: Away, Err: err}
	}
	g.metrics.failed(ctx, "freeze", err)
	g.metrics.freezes.Add(ctx, int64(len(results)), g.metrics.outcomes[Away])
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

// freezeLoads is one flight: one run of the script for the holds of all loads. An
// answer that cannot be read is the trouble of its hold alone; when there is none,
// or one that makes no sense as a whole, that is what all loads hear.
func (g *Gate) freezeLoads(loads []*load) {
	ctx, links := takeOff(loads)
	freeze, count := g.freezeCall(loads)
	var entries []any
	err := g.breaker.do(func() error {
		value, err := g.run(ctx, freeze)
		if err == nil {
			entries, err = decodeFreezes(value, count)
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("freeze %d holds: %w", count, err)
	}
	var outcomes [Away + 1]int64
	for _, l := range loads {
		l.flight = links.Shared()
		l.land(func() error {
			if err != nil {
				return err
			}
			for i, hold := range l.holds {
				l.results[i] = g.freezeResult(ctx, hold, entries[i])
				outcomes[l.results[i].Outcome]++
			}
			return nil
		})
		if err == nil {
			entries = entries[len(l.holds):]
		}
	}
	g.metrics.frozen(ctx, outcomes)
}

// freezeCall asks for the holds of all loads, and counts them.
func (g *Gate) freezeCall(loads []*load) (c call, holds int) {
	lines := 0
	for _, l := range loads {
		holds += len(l.holds)
		lines += l.lines
	}
	c = call{
		script: g.scripts.freeze,
		keys:   make([]string, 2, 2+lines),
		args:   make([]any, 0, 2*holds+2*lines),
	}
	c.keys[0], c.keys[1] = g.keys.pending(), g.keys.holds()
	numbers := make(map[Key]int, lines) // of the rows, from 1
	for _, l := range loads {
		for _, hold := range l.holds {
			c.args = append(c.args, holdName(hold.HoldID), len(hold.Lines))
			for _, line := range hold.Lines {
				number, known := numbers[line.Key]
				if !known {
					number = len(numbers) + 1
					numbers[line.Key] = number
					c.keys = append(c.keys, g.keys.row(line.Key))
				}
				c.args = append(c.args, number, line.Quantity)
			}
		}
	}
	return c, holds
}

func (g *Gate) freezeResult(ctx context.Context, hold Hold, entry any) Freeze {
	result, err := decodeFreeze(entry, len(hold.Lines))
	if err != nil {
		err = fmt.Errorf("freeze hold %s: %w", hold.HoldID, err)
		g.metrics.failed(ctx, "freeze", err)
		return Freeze{Outcome: Away, Err: err}
	}
	return result
}
