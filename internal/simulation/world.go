package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"stockhold/inventory"
	"stockhold/reservation"
	"stockhold/sweeper"
)

// world is everything there is in one schedule.
type world struct {
	ctx        context.Context // has the labels of the schedule's goroutines, and never ends
	scheduler  *scheduler
	random     *rand.Rand
	db         *database
	redis      *redis
	size       int                   // processes at once
	committers int                   // of each process
	queueLines int                   // that may wait for them; 0: the default
	keep       reservation.Retention // how long what ended is kept; zero: for longer than a schedule takes
	desks      []*desk
	processes  []*process
	graveyard  []*process
	strangers  sync.WaitGroup
	started    int
	orders     map[inventory.HoldID]*order
	watches    map[*watch]bool
	later      []*tx // COMMITs that are still under way on the server
	answered   map[string]int
	happened   map[string]int   // what a schedule is to play now and then
	poison     inventory.HoldID // the hold that cannot be written at present
	failed     error            // the first broken promise
}

// watch is what a call may have seen: the lowest available of its lines since it
// began, what an earlier attempt of its own took not counted.
type watch struct {
	id    inventory.HoldID
	lines []inventory.Line
	short bool // at some moment a line did not fit
	known bool // the id was in the books when the call began, and since
}

func (w *world) watch(o *order, lines []inventory.Line) *watch {
	seen := &watch{id: o.id, lines: lines, known: w.db.reservations[o.id].State != reservation.None}
	w.watches[seen] = true
	w.look(seen)
	return seen
}

func (w *world) unwatch(seen *watch) { delete(w.watches, seen) }

func (w *world) look(seen *watch) {
	own := w.taken(w.db.reservations[seen.id])
	for _, line := range seen.lines {
		if w.db.stocks[line.Key].Available()+own[line.Key] < line.Quantity {
			seen.short = true
		}
	}
}

// taken is what a reservation takes out of what is available.
func (w *world) taken(r reservation.Reservation) map[inventory.Key]int64 {
	units := map[inventory.Key]int64{}
	if r.State == reservation.Reserved || r.State == reservation.Confirmed {
		for _, line := range r.Lines {
			units[line.Key] = line.Quantity
		}
	}
	return units
}

// lookInside counts what a batch held before it gave back: its calls happen one
// after the other, and one between them may have been refused for that.
func (w *world) lookInside(c *reservation.Changes) {
	lowest := map[inventory.Key]int64{}
	for key, s := range w.db.stocks {
		lowest[key] = s.Available()
	}
	take := func(r *reservation.Reservation) {
		for _, line := range r.Lines {
			lowest[line.Key] -= line.Quantity
		}
	}
	for _, r := range c.NewReservations {
		take(r)
	}
	for _, m := range c.Moved {
		if m.From == reservation.Expired {
			w.db.each(m.Keys, take)
		}
	}
	for seen := range w.watches {
		own := w.taken(w.db.reservations[seen.id])
		for _, r := range c.NewReservations {
			if r.HoldID == seen.id {
				own = w.taken(*r)
			}
		}
		for _, line := range seen.lines {
			seen.short = seen.short || lowest[line.Key]+own[line.Key] < line.Quantity
		}
	}
}

// check notes a broken promise; the schedule goes on to its end.
func (w *world) check(ok bool, format string, args ...any) {
	if !ok && w.failed == nil {
		w.failed = fmt.Errorf(format, args...)
		w.scheduler.trace("BROKEN: %v\n%s", w.failed, w.db.dump())
	}
}

func (w *world) must(err error) { w.check(err == nil, "a process ended with %v", err) }

// legal lists the states that one batch can take a reservation to.
var legal = map[reservation.State][]reservation.State{
	reservation.Reserved:  {reservation.Confirmed, reservation.Canceled, reservation.Expired, reservation.Fulfilled, reservation.Returned},
	reservation.Confirmed: {reservation.Fulfilled, reservation.Returned},
	reservation.Expired:   {reservation.Confirmed, reservation.Canceled, reservation.Fulfilled, reservation.Returned},
}

// moved checks a transition that is being committed.
func (w *world) moved(r *reservation.Reservation, m reservation.Transition) {
	w.check(r.State == m.From, "%s was moved from %s and is %s", r.HoldID, m.From, r.State)
	w.check(slices.Contains(legal[m.From], m.To), "%s was moved from %s to %s", r.HoldID, m.From, m.To)
	o := w.orders[r.HoldID]
	switch {
	case m.By == reservation.ByPolicy:
		w.check(!r.ExpiresAt.After(w.db.now()), "%s was released by policy before its expiry", r.HoldID)
		w.check(r.OnExpiry == reservation.ReleaseOnExpiry, "%s was released by a policy it has not", r.HoldID)
	case m.By == reservation.ByCheckBack && m.To == reservation.Confirmed:
		w.check(o.told[sweeper.Commit], "%s was confirmed though its owner never said so", r.HoldID)
	case m.By == reservation.ByCheckBack:
		w.check(o.told[sweeper.Abort], "%s was released though its owner never said so", r.HoldID)
	}
}

// checkClock sees that what is being committed was dated by the database. The
// clocks of processes are years behind.
func (w *world) checkClock(id inventory.HoldID, at time.Time) {
	age := w.db.now().Sub(at)
	w.check(age >= 0 && age < time.Hour, "%s is dated %s: not by the database's clock", id, at)
}

// checkBooks holds the stock rows against the reservations, after every commit.
func (w *world) checkBooks() {
	reserved, committed := map[inventory.Key]int64{}, map[inventory.Key]int64{}
	for id, r := range w.db.reservations {
		w.visit(w.orders[id], r)
		for _, line := range r.Lines {
			switch r.State {
			case reservation.Reserved:
				reserved[line.Key] += line.Quantity
			case reservation.Confirmed:
				committed[line.Key] += line.Quantity
			}
		}
	}
	for key, s := range w.db.stocks {
		w.check(s.Reserved == reserved[key] && s.Committed == committed[key],
			"%s: the row says %d reserved and %d committed, the reservations %d and %d", key, s.Reserved, s.Committed, reserved[key], committed[key])
		w.check(s.Available() >= 0, "%s was oversold: %d available", key, s.Available())
	}
	for seen := range w.watches {
		w.look(seen)
	}
}

// visit notes the states that a reservation has been in, those included that it
// only passed through within one batch.
func (w *world) visit(o *order, r reservation.Reservation) {
	o.visited[r.State] = true
	if len(r.Lines) > 0 {
		o.visited[reservation.Reserved] = true
	}
	if r.State == reservation.Fulfilled || r.State == reservation.Returned {
		o.visited[reservation.Confirmed] = true
	}
}

// decideLater leaves a COMMIT under way on the server, with its locks.
func (w *world) decideLater(t *tx) { w.later = append(w.later, t) }

func (w *world) undecided(t *tx) bool { return slices.Contains(w.later, t) }

// server decides late COMMITs, one way or the other.
func (w *world) server(over func() bool) {
	for {
		w.scheduler.wait("server decides", func() bool { return len(w.later) > 0 || over() })
		if len(w.later) == 0 {
			return
		}
		t := w.later[0]
		w.later = w.later[1:]
		switch {
		case t.over:
		case w.random.IntN(2) == 0:
			w.db.commit(t)
		default:
			w.db.end(t)
		}
	}
}
