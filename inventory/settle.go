package inventory

import (
	"context"
	"fmt"
)

// Settle tells the gate what the ledger committed: the new views, and the holds
// that are no longer pending, whatever became of them. Call it after the COMMIT
// is known, never before.
//
// A view of a row that is not loaded loads it; one that is not newer than the
// row's is ignored. A hold that is not pending is ignored. Many of them take
// several round trips, the holds first: each is a settle of its own, and what was
// settled when an error is returned stays settled. It is safe to repeat, and to
// lose: the next view of the row, or the sweeper, brings the gate up to date.
func (g *Gate) Settle(ctx context.Context, views []View, holds []HoldID) error {
	for len(views) > 0 || len(holds) > 0 {
		someHolds := holds[:min(len(holds), rowsPerTrip)]
		someViews := views[:min(len(views), rowsPerTrip)]
		if len(someHolds) < len(holds) {
			someViews = nil
		}
		done, err := g.settleTrip(ctx, someViews, someHolds)
		g.metrics.failed(ctx, "settle", err)
		if err != nil {
			return fmt.Errorf("settle %d views and %d holds: %w", len(views), len(holds), err)
		}
		holds = holds[done:]
		if done == len(someHolds) {
			views = views[len(someViews):]
		}
	}
	return nil
}

// settleTrip returns how many of the holds are done. If not all, no view is.
func (g *Gate) settleTrip(ctx context.Context, views []View, holds []HoldID) (done int, err error) {
	settle := g.settleCall(views, holds)
	err = g.breaker.do(func() error {
		value, err := g.run(ctx, settle)
		if err != nil {
			return err
		}
		done, err = decodeSettle(value, len(holds))
		return err
	})
	return done, err
}

func (g *Gate) settleCall(views []View, holds []HoldID) call {
	c := call{
		script: g.scripts.settle,
		keys:   make([]string, 0, 2+len(views)),
		args:   make([]any, 0, 2+2*len(views)+len(holds)),
	}
	c.keys = append(c.keys, g.keys.pending(), g.keys.holds())
	c.args = append(c.args, len(views), linesPerTrip)
	for _, view := range views {
		c.keys = append(c.keys, g.keys.row(view.Key))
		c.args = append(c.args, view.Quota, view.Version)
	}
	for _, hold := range holds {
		c.args = append(c.args, holdName(hold))
	}
	return c
}

// Drop forgets the rows of the views that were read, each only if its version is
// still that one, and returns how many are gone; after an error, how many were by
// then. The next freeze of such a row finds it not loaded.
func (g *Gate) Drop(ctx context.Context, read []View) (int, error) {
	dropped := 0
	for len(read) > 0 {
		some := read[:min(len(read), rowsPerTrip)]
		value, err := g.run(ctx, g.dropCall(some))
		gone := 0
		if err == nil {
			gone, err = decodeDrop(value, len(some))
		}
		if err != nil {
			g.metrics.failed(ctx, "drop", err)
			return dropped, fmt.Errorf("drop %d gate rows: %w", len(read), err)
		}
		g.metrics.dropped.Add(ctx, int64(gone))
		dropped += gone
		read = read[len(some):]
	}
	return dropped, nil
}

func (g *Gate) dropCall(views []View) call {
	c := call{
		script: g.scripts.drop,
		keys:   make([]string, 0, len(views)),
		args:   make([]any, 0, len(views)),
	}
	for _, view := range views {
		c.keys = append(c.keys, g.keys.row(view.Key))
		c.args = append(c.args, view.Version)
	}
	return c
}
