package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"stockhold/reservation"
)

// conflictRuns bounds how often a small transaction is run again for a conflict.
const conflictRuns = 5

// within runs f in one transaction, and again where another one was first.
func (s *Store) within(ctx context.Context, f func(*tx) error) (err error) {
	for range conflictRuns {
		if err = s.once(ctx, f); !errors.Is(err, reservation.ErrConflict) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func (s *Store) once(ctx context.Context, f func(*tx) error) error {
	begun, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	t := begun.(*tx)
	defer t.Rollback()
	if err := f(t); err != nil {
		return err
	}
	return t.Commit(ctx)
}

// Claim leases due ASK holds to one sweeper: their next check moves forward, so
// that nobody else asks meanwhile. A sweeper that dies loses only its lease. A
// lost reply to COMMIT is an error here, and the holds come back when the lease ends.
func (s *Store) Claim(ctx context.Context, lease time.Duration, limit int) ([]reservation.Claim, error) {
	var claims []reservation.Claim
	err := s.within(ctx, func(t *tx) error {
		claims = nil
		held, err := t.LockDue(ctx, reservation.AskOwner, limit)
		if err != nil || len(held) == 0 {
			return err
		}
		now, err := t.Now(ctx)
		if err != nil {
			return err
		}
		until := now.Add(lease).Truncate(time.Microsecond)
		keys := make([]int64, len(held))
		for i, r := range held {
			keys[i] = r.Key
			claims = append(claims, reservation.Claim{
				HoldID: r.HoldID, Reference: r.Reference, ExpiresAt: r.ExpiresAt,
				Checks: r.Checks, Parked: r.Parked(), Lease: until, Trace: r.Trace,
			})
		}
		return t.exec(ctx, t.update("claim", keys, reservation.Reserved, "due_at = ?", t.time(until))...)
	})
	if err != nil {
		return nil, err
	}
	return claims, nil
}

// Purge deletes up to limit rows, some hundreds of each kind, of what ended long ago. CONFIRMED is not among
// the states: goods promised are not forgotten.
func (s *Store) Purge(ctx context.Context, keep reservation.Retention, limit int) (int, error) {
	now, err := s.now(ctx)
	if err != nil {
		return 0, err
	}
	purged := 0
	const lanes = laneParked | laneDeferred | lanePolicy
	for _, state := range []reservation.State{reservation.Fulfilled, reservation.Returned, reservation.Canceled, reservation.Expired} {
		for lane := range uint8(lanes + 1) {
			age := keep.Ended
			if lane&lanePolicy == 0 { // no policy: a tombstone
				age = keep.Tombstones
			}
			if purged >= limit {
				return purged, nil
			}
			n, err := s.purgeLane(ctx, state, lane, now.Add(-age), limit-purged)
			purged += n
			if err != nil {
				return purged, err
			}
		}
	}
	n, err := s.purgeAdjustments(ctx, now.Add(-keep.Adjustments), limit-purged)
	return purged + n, err
}

// purgeLane deletes rows and lines together. Between the look and the lock a row
// may have changed, so lock and DELETE name state and age again.
func (s *Store) purgeLane(ctx context.Context, state reservation.State, lane uint8, before time.Time, limit int) (int, error) {
	old := func(q *statement) *statement {
		return q.add(" state = ? AND lane = ? AND due_at < ?", state, lane, s.dialect.time(before))
	}
	var keys []int64
	q := old(newStatement("SELECT rkey FROM reservations"+s.dialect.index("by_due")+" WHERE")).add(" ORDER BY due_at LIMIT ?", min(limit, lockChunk))
	if err := s.query(ctx, "look for old reservations", q, scanInto(&keys)); err != nil || len(keys) == 0 {
		return 0, err
	}
	var deleted int
	err := s.within(ctx, func(t *tx) error {
		deleted = 0
		var locked []int64
		q := in(newStatement("SELECT rkey FROM reservations"+s.dialect.index("PRIMARY")+" WHERE rkey IN "), keys).add(" AND")
		if err := t.query(ctx, "lock old reservations", old(q).add(" ORDER BY rkey"+s.dialect.skipLocked), scanInto(&locked)); err != nil || len(locked) == 0 {
			return err
		}
		deleted = len(locked)
		return t.exec(ctx,
			change{"purge lines", in(newStatement("DELETE FROM reservation_lines WHERE rkey IN "), locked), anyRows},
			change{"purge reservations", old(in(newStatement("DELETE FROM reservations WHERE rkey IN "), locked).add(" AND")), int64(deleted)})
	})
	if err != nil {
		return 0, err
	}
	return deleted, nil
}

// purgeAdjustments deletes the oldest ones; their keys are in order of time.
func (s *Store) purgeAdjustments(ctx context.Context, before time.Time, limit int) (int, error) {
	var keys []int64
	if limit <= 0 {
		return 0, nil
	}
	q := newStatement("SELECT akey, created_at FROM stock_adjustments ORDER BY akey LIMIT ?", min(limit, lockChunk))
	err := s.query(ctx, "look for old adjustments", q, func(rows *sql.Rows) error {
		var key int64
		var at moment
		err := rows.Scan(&key, &at)
		if at.Before(before) {
			keys = append(keys, key)
		}
		return err
	})
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	var deleted int64
	err = s.within(ctx, func(t *tx) error {
		q := in(newStatement("DELETE FROM stock_adjustments WHERE created_at < ? AND akey IN ", s.dialect.time(before)), keys)
		counts, err := t.execSome(ctx, []change{{"purge adjustments", q, anyRows}}) // another process may have been first
		if err == nil {
			deleted = counts[0]
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return int(deleted), nil
}

// Undecided counts holds that are past their expiry: those whose check is due,
// and those that were asked about without a decision.
func (s *Store) Undecided(ctx context.Context, limit int) (reservation.Undecided, error) {
	var u reservation.Undecided
	now, err := s.now(ctx)
	if err != nil {
		return u, err
	}
	for lane := range uint8(laneParked | laneDeferred | lanePolicy + 1) {
		if lane&lanePolicy == 0 || u.Overdue >= limit {
			continue
		}
		q := newStatement("SELECT expires_at FROM reservations"+s.dialect.index("by_due")+" WHERE state = ? AND lane = ?", reservation.Reserved, lane)
		if lane&(laneDeferred|laneParked) == 0 {
			q.add(" AND due_at <= ?", s.dialect.time(now))
		}
		q.add(" ORDER BY due_at LIMIT ?", limit-u.Overdue)
		err := s.query(ctx, "count undecided holds", q, func(rows *sql.Rows) error {
			var expires moment
			if err := rows.Scan(&expires); err != nil {
				return err
			}
			u.Overdue++
			if lane&laneDeferred != 0 {
				u.Asked++
			}
			if lane&laneParked != 0 {
				u.Parked++
			}
			u.Oldest = max(u.Oldest, now.Sub(expires.Time))
			return nil
		})
		if err != nil {
			return u, err
		}
	}
	return u, nil
}
