package store

import (
	"cmp"
	"context"
	"database/sql"
	"math"
	"slices"

	"stockhold/inventory"
	"stockhold/reservation"
)

// lookAt is how many rows one page looks at, at most. A narrow filter then
// answers short pages rather than scanning on.
const lookAt = 2000

// everyState is in the order in which reservations go from one to the other, so
// that none slips from a state not yet read to one that was.
var everyState = []reservation.State{reservation.Reserved, reservation.Expired, reservation.Confirmed, reservation.Canceled, reservation.Fulfilled, reservation.Returned}

// Reservations reads a page in order of key, that is of creation. With a sku it
// walks that sku's lines, else the owner's reservations, state by state.
func (s *Store) Reservations(ctx context.Context, filter reservation.Filter, after int64, limit int) ([]*reservation.Reservation, int64, error) {
	if !filter.CreatedAfter.IsZero() {
		after = max(after, reservation.KeysFrom(filter.CreatedAfter)-1)
	}
	before := int64(math.MaxInt64)
	if !filter.CreatedBefore.IsZero() {
		before = reservation.KeysUntil(filter.CreatedBefore)
	}
	if len(filter.States) == 0 {
		filter.States = everyState
	}
	var keys []int64
	var more bool
	var err error
	if filter.SKU != "" {
		keys, more, err = s.keysOfSKU(ctx, filter, after, before)
	} else {
		keys, more, err = s.keysOfOwner(ctx, filter, after, before, limit)
	}
	if err != nil || len(keys) == 0 {
		return nil, 0, err
	}

	var page []*reservation.Reservation
	for len(keys) > 0 && len(page) < limit {
		n := min(len(keys), limit)
		found, err := s.reservations(ctx, in(newStatement("SELECT "+reservationColumns+" FROM reservations WHERE rkey IN "), keys[:n]).add(" ORDER BY rkey"))
		if err != nil {
			return nil, 0, err
		}
		after = keys[n-1]
		keys = keys[n:]
		for _, r := range found {
			if !matches(filter, r) {
				continue
			}
			if len(page) == limit {
				return page, page[limit-1].Key, nil
			}
			page = append(page, r)
		}
	}
	if len(keys) == 0 && !more {
		return page, 0, nil
	}
	return page, after, nil
}

// keysOfOwner merges the first keys of each state; more says that some were left out.
func (s *Store) keysOfOwner(ctx context.Context, filter reservation.Filter, after, before int64, limit int) (keys []int64, more bool, err error) {
	look := lookAt
	if !filter.Parked && filter.Location == "" { // the index does the whole filter
		look = limit + 1
	}
	for _, state := range everyState {
		if !slices.Contains(filter.States, state) {
			continue
		}
		q := newStatement("SELECT rkey FROM reservations"+s.dialect.index("by_owner")+
			" WHERE owner = ? AND state = ? AND rkey > ? AND rkey < ? ORDER BY rkey LIMIT ?",
			filter.Owner, state, after, before, look)
		if err := s.query(ctx, "list reservations", q, scanInto(&keys)); err != nil {
			return nil, false, err
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if len(keys) >= look {
		return keys[:look], true, nil
	}
	return keys, false, nil
}

func (s *Store) keysOfSKU(ctx context.Context, filter reservation.Filter, after, before int64) (keys []int64, more bool, err error) {
	q := newStatement("SELECT rkey FROM reservation_lines"+s.dialect.index("by_sku")+
		" WHERE sku = ? AND rkey > ? AND rkey < ? ORDER BY rkey LIMIT ?", filter.SKU, after, before, lookAt)
	if err := s.query(ctx, "list lines", q, scanInto(&keys)); err != nil {
		return nil, false, err
	}
	more = len(keys) == lookAt
	return slices.Compact(keys), more, nil
}

func scanInto(keys *[]int64) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var key int64
		err := rows.Scan(&key)
		*keys = append(*keys, key)
		return err
	}
}

// matches applies the whole filter to a row that an index found.
func matches(f reservation.Filter, r *reservation.Reservation) bool {
	switch {
	case f.Owner != r.Owner,
		!slices.Contains(f.States, r.State),
		f.Parked && !r.Parked(),
		!f.CreatedAfter.IsZero() && r.CreatedAt.Before(f.CreatedAfter),
		!f.CreatedBefore.IsZero() && !r.CreatedAt.Before(f.CreatedBefore):
		return false
	case f.SKU == "" && f.Location == "":
		return true
	}
	return slices.ContainsFunc(r.Lines, func(line inventory.Line) bool {
		return cmp.Or(f.SKU, line.SKU) == line.SKU && cmp.Or(f.Location, line.Location) == line.Location
	})
}
