package inventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// reclaimTrips bounds how many pending holds are added up: each trip counts
// linesPerTrip of them and of their lines, and Redis serves nobody else meanwhile.
const reclaimTrips = 16

// ErrManyPending says that more is pending than is worth adding up. It ends by
// itself: holds are settled or, when nobody does it, reaped.
var ErrManyPending = errors.New("too many holds are pending in the gate to add them up")

// Leak is a row that counted units as pending for no hold.
type Leak struct {
	Key
	Units int64 // freed; at least 1
}

// Reclaim frees units that the rows of the keys count as pending and that no
// pending hold has, and returns the rows where it found some; after an error, those
// found by then. Name each key once. Such units leak when Redis loses its list of
// pending holds, or some of it, and keeps the rows; without this they would be
// free again only when nothing at all is pending.
//
// It is safe at any moment, and exact if the pending holds and their lines are no
// more than some thousand. If they are more, it takes several round trips, and may
// leave some of the units for the next time; beyond some ten thousand it leaves the
// rows as they are, with ErrManyPending.
func (g *Gate) Reclaim(ctx context.Context, keys []Key) (leaks []Leak, err error) {
	for some := range slices.Chunk(keys, rowsPerTrip) {
		found, err := g.reclaim(ctx, some)
		if err != nil {
			if !errors.Is(err, ErrManyPending) {
				g.metrics.failed(ctx, "reclaim", err)
			}
			return leaks, fmt.Errorf("reclaim units of %d gate rows: %w", len(some), err)
		}
		leaks = append(leaks, found...)
	}
	return leaks, nil
}

func (g *Gate) reclaim(ctx context.Context, keys []Key) (leaks []Leak, err error) {
	counted := tally{upTo: "-inf", units: make([]int64, len(keys))}
	for range reclaimTrips {
		value, err := g.run(ctx, g.reclaimCall(keys, counted))
		if err != nil {
			return nil, err
		}
		if counted, err = decodeReclaim(value, len(keys)); err != nil {
			return nil, err
		}
		if counted.upTo == "" {
			for i, freed := range counted.units {
				if freed > 0 {
					leaks = append(leaks, Leak{Key: keys[i], Units: freed})
				}
			}
			return leaks, nil
		}
	}
	return nil, ErrManyPending
}

// tally is how far the pending holds are counted: up to which score, and how many
// units they have of each row. At the end there is no score, and the units are
// those that were freed.
type tally struct {
	upTo  string
	units []int64
}

func (g *Gate) reclaimCall(keys []Key, counted tally) call {
	c := call{
		script: g.scripts.reclaim,
		keys:   make([]string, 0, 2+len(keys)),
		args:   make([]any, 0, 2+len(keys)),
	}
	c.keys = append(c.keys, g.keys.pending(), g.keys.holds())
	c.args = append(c.args, linesPerTrip, counted.upTo)
	for i, key := range keys {
		c.keys = append(c.keys, g.keys.row(key))
		c.args = append(c.args, counted.units[i])
	}
	return c
}
