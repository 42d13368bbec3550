package store

import (
	"context"
	"slices"

	"stockhold/reservation"
)

// Parked reads a page of the holds that wait for an operator, of one owner or of
// all, in order of key, that is of creation. next is 0 on the last page; with an
// owner a page may be short, even empty, before that.
//
// The index over lanes has the parked holds side by side, ordered by their next
// check, which moves while a person reads on; the order of keys does not. So a page
// sorts the keys of what is parked, out of the index alone: a cost that grows with
// how much waits, not with the table.
func (s *Store) Parked(ctx context.Context, owner string, after int64, limit int) (page []*reservation.Reservation, next int64, err error) {
	look := limit + 1
	if owner != "" {
		look = max(look, lookAt)
	}
	keys, err := s.parkedKeys(ctx, after, look)
	if err != nil {
		return nil, 0, err
	}
	more := len(keys) == look
	if more && owner == "" {
		keys = keys[:limit]
	}
	for some := range slices.Chunk(keys, lockChunk) {
		q := in(newStatement("SELECT "+reservationColumns+" FROM reservations WHERE rkey IN "), some).add(" ORDER BY rkey")
		found, err := s.reservations(ctx, q)
		if err != nil {
			return nil, 0, err
		}
		for _, r := range found {
			if !r.Parked() || owner != "" && r.Owner != owner { // or no longer
				continue
			}
			if len(page) == limit {
				return page, page[limit-1].Key, nil
			}
			page = append(page, r)
		}
	}
	if more {
		next = keys[len(keys)-1]
	}
	return page, next, nil
}

// parkedKeys merges the first keys of each lane of parked holds.
func (s *Store) parkedKeys(ctx context.Context, after int64, limit int) (keys []int64, err error) {
	for lane := range uint8(laneParked | laneDeferred | lanePolicy + 1) {
		if lane&laneParked == 0 || lane&lanePolicy == 0 {
			continue
		}
		q := newStatement("SELECT rkey FROM reservations"+s.dialect.index("by_due")+
			" WHERE state = ? AND lane = ? AND rkey > ? ORDER BY rkey LIMIT ?", reservation.Reserved, lane, after, limit)
		if err := s.query(ctx, "list parked holds", q, scanInto(&keys)); err != nil {
			return nil, err
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	return keys[:min(limit, len(keys))], nil
}
