package simulation

import (
	"context"
	"slices"

	"stockhold/inventory"
	"stockhold/reservation"
)

// Purge deletes what ended long ago, where the schedule lets anything get old. As
// in a real store there is a look, and then a transaction that looks again at the
// rows which nobody has locked.
func (s *store) Purge(ctx context.Context, keep reservation.Retention, limit int) (int, error) {
	if s.db.world.keep == (reservation.Retention{}) {
		return 0, nil
	}
	var found []inventory.HoldID
	err := s.read(ctx, "looks for what is old", func() {
		for _, id := range s.db.sortedIDs() {
			if len(found) < limit && s.db.isOld(id, keep) {
				found = append(found, id)
			}
		}
	})
	if err != nil || len(found) == 0 {
		return 0, err
	}
	begun, err := s.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer begun.Rollback()
	t := begun.(*tx)
	err = t.step("locks what is old", nil, func() error {
		for _, id := range found {
			if !s.db.isOld(id, keep) {
				continue
			}
			if got, _ := t.lock(reservationRow(id), reservation.Pass); got {
				t.purges = append(t.purges, s.db.reservations[id].Key)
			}
		}
		return nil
	})
	if err != nil || len(t.purges) == 0 {
		return 0, err
	}
	return len(t.purges), t.Commit(ctx)
}

// isOld reports whether a reservation ended so long ago that it may go.
func (d *database) isOld(id inventory.HoldID, keep reservation.Retention) bool {
	r := d.reservations[id]
	age := keep.Ended
	switch r.State {
	case reservation.Canceled:
		if len(r.Lines) == 0 {
			age = keep.Tombstones
		}
	case reservation.Fulfilled, reservation.Returned, reservation.Expired:
	default:
		return false
	}
	return r.ResolvedAt.Before(d.now().Add(-age))
}

// purge deletes reservations. Calls under way may find them gone.
func (d *database) purge(keys []int64) {
	for id, r := range d.reservations {
		if !slices.Contains(keys, r.Key) {
			continue
		}
		delete(d.reservations, id)
		d.world.happened["purged"]++
		for seen := range d.world.watches {
			seen.known = seen.known && seen.id != id
		}
	}
}

// checkInTime sees that nothing is held by a Try that came too late, nor by one
// that came after its Cancel: as long as its not_after is within the time that
// tombstones are kept, the one or the other stops it.
func (w *world) checkInTime(r *reservation.Reservation) {
	o := w.orders[r.HoldID]
	if len(r.Lines) == 0 || o.notAfter.IsZero() {
		return
	}
	w.check(!r.CreatedAt.After(o.notAfter), "%s was held after its not_after", r.HoldID)
	w.check(!o.visited[reservation.Canceled], "%s was held after its Cancel, in spite of its not_after", r.HoldID)
}
