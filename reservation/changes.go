package reservation

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"stockhold/inventory"
)

// changes lists what differs from what was read, in key order, and gives every
// new reservation its key: key is the first of a run that is this batch's own.
func (b *batch) changes(key int64) *Changes {
	c := &Changes{NewAdjustments: b.added}
	slices.SortFunc(c.NewAdjustments, func(a, b inventory.Adjustment) int { return strings.Compare(a.ID, b.ID) })

	moved := make(map[transitionKind][]int64)
	rescheduled := make(map[schedule][]int64)
	for _, row := range b.holds {
		before, after := &row.before, &row.after
		if before.State == None {
			if after.State != None {
				c.NewReservations = append(c.NewReservations, after)
			}
			continue
		}
		if s := scheduleOf(after, before); s != scheduleOf(before, before) {
			rescheduled[s] = append(rescheduled[s], before.Key)
		}
		if before.State != after.State {
			kind := transitionKind{before.State, after.State, after.ResolvedBy, after.Reason}
			moved[kind] = append(moved[kind], before.Key)
		}
	}
	slices.SortFunc(c.NewReservations, func(a, b *Reservation) int { return a.HoldID.Compare(b.HoldID) })
	for i, r := range c.NewReservations {
		r.Key = key + int64(i)
	}
	for s, keys := range rescheduled {
		slices.Sort(keys)
		c.Rescheduled = append(c.Rescheduled, Reschedule{fromMicros(s.expires), fromMicros(s.next), s.checks, fromMicros(s.parked), keys})
	}
	slices.SortFunc(c.Rescheduled, func(a, b Reschedule) int { return cmp.Compare(a.Keys[0], b.Keys[0]) })
	for kind, keys := range moved {
		slices.Sort(keys)
		c.Moved = append(c.Moved, Transition{From: kind.from, To: kind.to, By: kind.by, At: b.now, Reason: kind.reason, Keys: keys})
	}
	slices.SortFunc(c.Moved, func(a, b Transition) int { return cmp.Compare(a.Keys[0], b.Keys[0]) })

	for _, row := range b.stocks {
		switch {
		case !row.dirty:
		case row.exists:
			c.Stocks = append(c.Stocks, *row.snapshot())
		default:
			c.NewStocks = append(c.NewStocks, *row.snapshot())
		}
	}
	byKey := func(a, b inventory.Stock) int { return a.Key.Compare(b.Key) }
	slices.SortFunc(c.NewStocks, byKey)
	slices.SortFunc(c.Stocks, byKey)
	return c
}

// views is what the gate may know once the batch is committed.
func (b *batch) views() []inventory.View {
	views := make([]inventory.View, 0, len(b.stocks))
	for _, row := range b.stocks {
		if row.made {
			views = append(views, row.snapshot().View())
		}
	}
	return views
}

// missing lists the doubtful ids: no row was found, and a refusal is about to be answered.
func (b *batch) missing() []HoldID { return inventory.SortHolds(b.doubtful) }

type transitionKind struct {
	from, to State
	by       Resolver
	reason   string
}

// schedule is when a row is looked at, in a form that can be compared.
type schedule struct {
	expires, next, parked int64 // microseconds; 0: none, or for expires: as it was
	checks                int
}

// scheduleOf reads a row's schedule. A row that has ended keeps the next check
// it had before: the transition clears it.
func scheduleOf(r, before *Reservation) schedule {
	s := schedule{expires: micros(r.ExpiresAt), next: micros(r.NextCheckAt), parked: micros(r.ParkedAt), checks: r.Checks}
	if r.State != Reserved {
		s.next = micros(before.NextCheckAt)
	}
	if r.ExpiresAt.Equal(before.ExpiresAt) {
		s.expires = 0 // deferred holds that expired at different times are still alike
	}
	return s
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(m int64) time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMicro(m).UTC()
}
