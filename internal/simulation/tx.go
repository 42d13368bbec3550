package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"stockhold/inventory"
	"stockhold/reservation"
)

// tx is one transaction of one process. Its server side lives on when the
// process dies or its connection breaks, as a real one does.
type tx struct {
	db       *database
	process  *process
	name     string
	writes   []*reservation.Changes
	purges   []int64 // keys of reservations to delete
	waitsFor string
	over     bool
	leave    func() // ends the role of whose transaction it is
}

var errGone = fmt.Errorf("%w: the connection broke", reservation.ErrAway)

// step is one statement. What a broken connection leaves behind is rolled back.
func (t *tx) step(what string, ready func() bool, do func() error) error {
	if t.over {
		return errGone
	}
	switch f := t.process.turn(t.name+" "+what, ready, unsent, mute); {
	case t.over || t.process.dead.Load(): // whoever ended it released its locks
		return errGone
	case t.db.down, f == unsent:
		t.db.end(t)
		return errGone
	default:
		err := do()
		if f == mute {
			t.db.end(t)
			return errGone
		}
		return err
	}
}

// lock takes one row's lock, waiting for who has it. It returns false when the
// row is locked and to be passed over.
func (t *tx) lock(row string, locked reservation.Locked) (bool, error) {
	var until time.Time
	for {
		holder := t.db.locks[row]
		switch {
		case holder == nil || holder == t:
			t.db.locks[row] = t
			t.waitsFor = ""
			return true, nil
		case locked == reservation.Pass:
			return false, nil
		case t.db.waitsInRing(t, row):
			t.db.end(t) // a deadlock rolls back the whole transaction
			return false, fmt.Errorf("%w: deadlock", reservation.ErrConflict)
		}
		if until.IsZero() {
			until = time.Now().Add(lockWait)
		}
		t.waitsFor = row
		ready := func() bool {
			return t.over || t.process.dead.Load() || t.db.locks[row] == nil || !time.Now().Before(until)
		}
		t.process.turn(t.name+" waits for "+row, ready)
		switch {
		case t.over || t.process.dead.Load():
			return false, errGone
		case t.db.locks[row] != nil && !time.Now().Before(until):
			t.waitsFor = ""
			t.db.world.happened["a lock is waited for in vain"]++
			return false, fmt.Errorf("%w: %s", reservation.ErrLockWait, row)
		}
	}
}

func (t *tx) LockReservations(_ context.Context, ids []inventory.HoldID, locked reservation.Locked) (held []*reservation.Reservation, err error) {
	t.db.world.check(slices.IsSortedFunc(ids, inventory.HoldID.Compare), "%s locks reservations out of order: %v", t.name, ids)
	for _, id := range ids {
		err := t.step("locks "+id.String(), nil, func() error {
			r, ok := t.db.reservations[id]
			if !ok {
				return nil // a row that is not there cannot be locked
			}
			if got, err := t.lock(reservationRow(id), locked); err != nil || !got {
				return err
			}
			r = t.db.reservations[id]
			r.Lines = nil
			held = append(held, &r)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return held, nil
}

func (t *tx) ReadLines(_ context.Context, held []*reservation.Reservation) error {
	if len(held) == 0 {
		return nil
	}
	return t.step("reads lines", nil, func() error {
		for _, r := range held {
			r.Lines = t.db.reservations[r.HoldID].Lines
		}
		return nil
	})
}

func (t *tx) LockDue(_ context.Context, policy reservation.OnExpiry, limit int) (held []*reservation.Reservation, err error) {
	err = t.step("locks due "+policy.String(), nil, func() error {
		now := t.db.now()
		for _, id := range t.db.sortedIDs() {
			r := t.db.reservations[id]
			if len(held) == limit || r.State != reservation.Reserved || r.OnExpiry != policy || r.NextCheckAt.After(now) {
				continue
			}
			if got, _ := t.lock(reservationRow(id), reservation.Pass); got {
				r.Lines = nil
				held = append(held, &r)
			}
		}
		return nil
	})
	return held, err
}

func (t *tx) LockStocks(_ context.Context, keys []inventory.Key, locked reservation.Locked) (stocks []inventory.Stock, err error) {
	t.db.world.check(slices.IsSortedFunc(keys, inventory.Key.Compare), "%s locks stock rows out of order: %v", t.name, keys)
	for _, key := range keys {
		err := t.step("locks "+key.String(), nil, func() error {
			if _, ok := t.db.stocks[key]; !ok {
				return nil
			}
			if got, err := t.lock(stockRow(key), locked); err != nil || !got {
				return err
			}
			stocks = append(stocks, t.db.stocks[key])
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return stocks, nil
}

func (t *tx) Adjustments(_ context.Context, ids []string) (known []inventory.Adjustment, err error) {
	err = t.step("reads adjustments", nil, func() error {
		for _, id := range ids {
			if a, ok := t.db.adjustments[id]; ok {
				known = append(known, a)
			}
		}
		return nil
	})
	return known, err
}

func (t *tx) Exist(_ context.Context, ids []inventory.HoldID) (found []inventory.HoldID, err error) {
	err = t.step(fmt.Sprintf("looks again for %v", ids), nil, func() error {
		found = t.db.known(ids)
		return nil
	})
	return found, err
}

func (t *tx) Now(context.Context) (now time.Time, err error) {
	err = t.step("reads the clock", nil, func() error { now = t.db.now(); return nil })
	return now, err
}

// Write takes a unique key's place for every new row, waiting for a transaction
// that has it, and notes the changes. It insists on the locks that a real
// database would not ask for.
func (t *tx) Write(_ context.Context, changes *reservation.Changes) error {
	c := clone(changes)
	return t.step("writes", nil, func() error {
		if t.db.poisoned(c) {
			t.db.world.happened["a hold cannot be written"]++
			return errPoison
		}
		for _, r := range c.NewReservations {
			if err := t.insert(reservationRow(r.HoldID), func() bool { return t.db.reservations[r.HoldID].State != reservation.None }); err != nil {
				return err
			}
		}
		for _, a := range c.NewAdjustments {
			if err := t.insert(adjustmentRow(a.ID), func() bool { _, ok := t.db.adjustments[a.ID]; return ok }); err != nil {
				return err
			}
		}
		for _, r := range c.NewReservations {
			for _, other := range t.db.reservations {
				if other.Key == r.Key {
					return fmt.Errorf("%w: duplicate key %d", reservation.ErrConflict, r.Key)
				}
			}
		}
		for _, s := range c.NewStocks {
			if err := t.insert(stockRow(s.Key), func() bool { _, ok := t.db.stocks[s.Key]; return ok }); err != nil {
				return err
			}
		}
		for _, s := range c.Stocks {
			t.db.world.check(t.db.locks[stockRow(s.Key)] == t, "%s is written without its lock", s.Key)
		}
		t.writes = append(t.writes, c)
		return nil
	})
}

// errPoison is blamed on the data.
var errPoison = errors.New("this hold cannot be written")

// poisoned reports whether changes concern the hold that cannot be written. Its
// next check can be put off all the same.
func (d *database) poisoned(c *reservation.Changes) bool {
	poison := d.world.poison
	for _, r := range c.NewReservations {
		if r.HoldID == poison {
			return true
		}
	}
	key := d.reservations[poison].Key
	return slices.ContainsFunc(c.Moved, func(m reservation.Transition) bool { return slices.Contains(m.Keys, key) })
}

func (t *tx) insert(row string, exists func() bool) error {
	if _, err := t.lock(row, reservation.Await); err != nil {
		return err
	}
	if exists() {
		return fmt.Errorf("%w: duplicate %s", reservation.ErrConflict, row)
	}
	return nil
}

// Commit is where replies are lost. A late one stays open on the server, with
// its locks, until the world decides about it.
func (t *tx) Commit(context.Context) error {
	if t.over {
		return errGone
	}
	f := t.process.turn(t.name+" commits", nil, unsent, mute, late)
	switch {
	case t.over || t.process.dead.Load():
		return fmt.Errorf("%w: %w", reservation.ErrCommitUnknown, errGone)
	case t.db.down:
		t.db.end(t)
	case f == done:
		t.db.commit(t)
		return nil
	case f == mute:
		t.db.commit(t)
	case f == unsent:
		t.db.end(t)
	case f == late:
		t.db.world.decideLater(t)
	}
	return fmt.Errorf("%w: no reply", reservation.ErrCommitUnknown)
}

func (t *tx) Rollback() {
	t.leave()
	if !t.over && !t.db.world.undecided(t) {
		t.db.end(t)
	}
}

// clone copies what the caller may change after Write.
func clone(c *reservation.Changes) *reservation.Changes {
	out := *c
	out.NewReservations = make([]*reservation.Reservation, len(c.NewReservations))
	for i, r := range c.NewReservations {
		row := *r
		out.NewReservations[i] = &row
	}
	out.NewStocks = slices.Clone(c.NewStocks)
	out.Stocks = slices.Clone(c.Stocks)
	out.NewAdjustments = slices.Clone(c.NewAdjustments)
	return &out
}
