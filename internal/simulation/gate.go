package simulation

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"stockhold/inventory"
)

// redis is the gate's server: what freeze.lua, settle.lua and drop.lua do, in Go.
// The scripts themselves are tested against a model like this one in package inventory.
type redis struct {
	rows  map[inventory.Key]row
	holds map[inventory.HoldID]pending
	old   *redis // an earlier state: what a stale replica would have
	down  bool
	skew  time.Duration
}

type row struct{ quota, version, pending int64 }

type pending struct {
	lines []inventory.Line
	since time.Time
}

func newRedis() *redis {
	return &redis{rows: map[inventory.Key]row{}, holds: map[inventory.HoldID]pending{}}
}

func (r *redis) wipe() { clear(r.rows); clear(r.holds) }

func (r *redis) save() { r.old = &redis{rows: maps.Clone(r.rows), holds: maps.Clone(r.holds)} }

func (r *redis) revert() {
	if r.old != nil {
		r.rows, r.holds = maps.Clone(r.old.rows), maps.Clone(r.old.holds)
	}
}

func (r *redis) freeze(h inventory.Hold) inventory.Freeze {
	if _, ok := r.holds[h.HoldID]; ok {
		return inventory.Freeze{Outcome: inventory.Duplicate}
	}
	var unloaded, short []int
	for i, line := range h.Lines {
		row, ok := r.rows[line.Key]
		switch {
		case !ok:
			unloaded = append(unloaded, i)
		case row.quota-row.pending < line.Quantity:
			short = append(short, i)
		}
	}
	switch {
	case unloaded != nil:
		return inventory.Freeze{Outcome: inventory.NotLoaded, Lines: unloaded}
	case short != nil:
		return inventory.Freeze{Outcome: inventory.Insufficient, Lines: short}
	}
	for _, line := range h.Lines {
		row := r.rows[line.Key]
		row.pending += line.Quantity
		r.rows[line.Key] = row
	}
	r.holds[h.HoldID] = pending{h.Lines, time.Now().Add(r.skew)}
	return inventory.Freeze{Outcome: inventory.Frozen}
}

func (r *redis) settle(views []inventory.View, holds []inventory.HoldID) {
	named := map[inventory.Key]bool{}
	for _, v := range views {
		named[v.Key] = true
		if row, ok := r.rows[v.Key]; !ok || v.Version > row.version {
			row.quota, row.version = v.Quota, v.Version
			r.rows[v.Key] = row
		}
	}
	for _, id := range holds {
		for _, line := range r.holds[id].lines {
			named[line.Key] = true
			if row, ok := r.rows[line.Key]; ok {
				row.pending = max(0, row.pending-line.Quantity)
				r.rows[line.Key] = row
			}
		}
		delete(r.holds, id)
	}
	if len(r.holds) > 0 {
		return
	}
	for key := range named {
		if row, ok := r.rows[key]; ok {
			row.pending = 0
			r.rows[key] = row
		}
	}
}

// lose forgets all pending holds but the oldest, and not what rows count of them.
func (r *redis) lose() {
	ids := slices.SortedFunc(maps.Keys(r.holds), func(a, b inventory.HoldID) int {
		return cmp.Or(r.holds[a].since.Compare(r.holds[b].since), a.Compare(b))
	})
	for _, id := range ids[min(1, len(ids)):] {
		delete(r.holds, id)
	}
}

func (r *redis) reclaim(keys []inventory.Key) (leaks []inventory.Leak) {
	given := map[inventory.Key]int64{} // what the pending holds will give back
	for _, hold := range r.holds {
		for _, line := range hold.lines {
			given[line.Key] += line.Quantity
		}
	}
	for _, key := range keys {
		if row, ok := r.rows[key]; ok && row.pending > given[key] {
			leaks = append(leaks, inventory.Leak{Key: key, Units: row.pending - given[key]})
			row.pending = given[key]
			r.rows[key] = row
		}
	}
	return leaks
}

// gate is one process's connection to it.
type gate struct {
	redis   *redis
	process *process
}

var errAway = fmt.Errorf("%w: simulated", inventory.ErrAway)

// call is one script. The client library repeats it after a read error, so that
// it may run twice and answer for the second time.
func (g *gate) call(ctx context.Context, what string, do func()) error {
	f := g.process.turn(whose(ctx)+" "+what, nil, unsent, mute, twice)
	if f == unsent || g.process.dead.Load() || g.redis.down {
		return errAway
	}
	do()
	if f == twice {
		do()
	}
	if f == mute {
		return errAway
	}
	return nil
}

func (g *gate) Freeze(ctx context.Context, holds []inventory.Hold) []inventory.Freeze {
	out := make([]inventory.Freeze, len(holds))
	for i, h := range holds {
		if err := g.call(ctx, "freezes "+h.HoldID.String(), func() { out[i] = g.redis.freeze(h) }); err != nil {
			out[i] = inventory.Freeze{Outcome: inventory.Away, Err: err}
		}
	}
	return out
}

func (g *gate) Settle(ctx context.Context, views []inventory.View, holds []inventory.HoldID) error {
	for _, v := range views {
		w := g.process.world
		w.check(v.Version <= w.db.stocks[v.Key].Version, "%s tells the gate of version %d of %s, which is not committed", g.process.name, v.Version, v.Key)
	}
	return g.call(ctx, "settles", func() { g.redis.settle(views, holds) })
}

func (g *gate) Rows(ctx context.Context, keys []inventory.Key) ([]inventory.Row, error) {
	out := make([]inventory.Row, len(keys))
	err := g.call(ctx, "reads rows", func() {
		for i, key := range keys {
			row, ok := g.redis.rows[key]
			out[i] = inventory.Row{View: inventory.View{Key: key, Quota: row.quota, Version: row.version}, Pending: row.pending, Loaded: ok}
		}
	})
	return out, err
}

func (g *gate) Scan(ctx context.Context, _ uint64, _ int64) (keys []inventory.Key, _ uint64, err error) {
	err = g.call(ctx, "scans", func() { keys = slices.SortedFunc(maps.Keys(g.redis.rows), inventory.Key.Compare) })
	return keys, 0, err
}

func (g *gate) Pending(ctx context.Context, olderThan time.Duration, limit int) (holds []inventory.Hold, err error) {
	err = g.call(ctx, "lists pending holds", func() {
		holds = nil
		before := time.Now().Add(g.redis.skew).Add(-olderThan)
		for _, id := range slices.SortedFunc(maps.Keys(g.redis.holds), inventory.HoldID.Compare) {
			if p := g.redis.holds[id]; len(holds) < limit && p.since.Before(before) {
				holds = append(holds, inventory.Hold{HoldID: id, Lines: p.lines})
			}
		}
	})
	return holds, err
}

// Reclaim takes one run here: that several free too little at worst is tested on the script.
func (g *gate) Reclaim(ctx context.Context, keys []inventory.Key) (leaks []inventory.Leak, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	err = g.call(ctx, "reclaims", func() {
		leaks = append(leaks, g.redis.reclaim(keys)...)
		if len(leaks) > 0 && len(g.redis.holds) > 0 {
			g.process.world.happened["units freed while others were pending"]++
		}
	})
	return leaks, err
}

func (g *gate) Drop(ctx context.Context, read []inventory.View) (dropped int, err error) {
	err = g.call(ctx, "drops rows", func() {
		for _, v := range read {
			if row, ok := g.redis.rows[v.Key]; ok && row.version == v.Version {
				delete(g.redis.rows, v.Key)
				dropped++
			}
		}
	})
	return dropped, err
}
