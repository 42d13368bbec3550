package simulation

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"stockhold/inventory"
	"stockhold/reservation"
)

// lockWait is innodb_lock_wait_timeout.
const lockWait = 2 * time.Second

// database is a SQL server: committed rows, and the locks of open transactions.
// Only the goroutine whose turn it is touches it.
type database struct {
	world        *world
	reservations map[inventory.HoldID]reservation.Reservation
	stocks       map[inventory.Key]inventory.Stock
	adjustments  map[string]inventory.Adjustment
	locks        map[string]*tx // by row
	open         map[*tx]bool
	down         bool
}

func newDatabase(w *world) *database {
	return &database{
		world:        w,
		reservations: map[inventory.HoldID]reservation.Reservation{},
		stocks:       map[inventory.Key]inventory.Stock{},
		adjustments:  map[string]inventory.Adjustment{},
		locks:        map[string]*tx{},
		open:         map[*tx]bool{},
	}
}

// now is the server's clock. It is years ahead of the processes', which start in
// 2000 in a bubble: nothing may be decided by theirs.
func (d *database) now() time.Time {
	return time.Now().AddDate(26, 0, 0).UTC().Truncate(time.Microsecond)
}

func reservationRow(id inventory.HoldID) string { return "r " + id.String() }
func stockRow(key inventory.Key) string         { return "s " + key.String() }
func adjustmentRow(id string) string            { return "a " + id }

// commit applies a transaction's changes and checks the promises of the books.
func (d *database) commit(t *tx) {
	for _, c := range t.writes {
		d.world.lookInside(c)
		for _, r := range c.NewReservations {
			d.world.check(d.reservations[r.HoldID].State == reservation.None, "%s was inserted over an existing row", r.HoldID)
			d.world.checkClock(r.HoldID, r.CreatedAt)
			d.world.checkInTime(r)
			d.reservations[r.HoldID] = *r
		}
		for _, a := range c.NewAdjustments {
			d.adjustments[a.ID] = a
		}
		for _, s := range slices.Concat(c.NewStocks, c.Stocks) {
			d.stocks[s.Key] = s
		}
		for _, m := range c.Rescheduled {
			d.each(m.Keys, func(r *reservation.Reservation) {
				d.world.check(m.Checks == 0 || !r.ExpiresAt.After(d.now()), "%s was put off though its caller had extended it", r.HoldID)
				r.NextCheckAt, r.Checks, r.ParkedAt = m.NextCheckAt, m.Checks, m.ParkedAt
				if !m.ExpiresAt.IsZero() {
					r.ExpiresAt = m.ExpiresAt
				}
			})
		}
		for _, m := range c.Moved {
			d.each(m.Keys, func(r *reservation.Reservation) {
				d.world.moved(r, m)
				d.world.checkClock(r.HoldID, m.At)
				r.State, r.ResolvedAt, r.ResolvedBy, r.Reason, r.NextCheckAt = m.To, m.At, m.By, m.Reason, time.Time{}
			})
		}
	}
	d.purge(t.purges)
	d.end(t)
	d.world.checkBooks()
}

func (d *database) each(keys []int64, f func(*reservation.Reservation)) {
	for _, key := range keys {
		for id, r := range d.reservations {
			if r.Key == key {
				f(&r)
				d.reservations[id] = r
			}
		}
	}
}

// end releases a transaction's locks.
func (d *database) end(t *tx) {
	maps.DeleteFunc(d.locks, func(_ string, holder *tx) bool { return holder == t })
	delete(d.open, t)
	t.over = true
}

// waitsInRing reports whether t, waiting for a row, would wait for itself.
func (d *database) waitsInRing(t *tx, row string) bool {
	for holder := d.locks[row]; holder != nil; holder = d.locks[holder.waitsFor] {
		if holder == t {
			return true
		}
		if holder.waitsFor == "" {
			return false
		}
	}
	return false
}

// sortedIDs lists the committed reservations in order of id.
func (d *database) sortedIDs() []inventory.HoldID {
	return slices.SortedFunc(maps.Keys(d.reservations), inventory.HoldID.Compare)
}

func (d *database) dump() string {
	out := ""
	for _, key := range slices.SortedFunc(maps.Keys(d.stocks), inventory.Key.Compare) {
		out += fmt.Sprintf("  %+v\n", d.stocks[key])
	}
	for _, id := range d.sortedIDs() {
		r := d.reservations[id]
		out += fmt.Sprintf("  %s %s %v by %s\n", id, r.State, r.Lines, r.ResolvedBy)
	}
	return out
}
