package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"gorm.io/gorm"

	"stockhold/internal/tracing"
	"stockhold/inventory"
	"stockhold/reservation"
)

const (
	stockColumns       = "location_id, sku, on_hand, reserved, committed, version"
	untracedColumns    = "rkey, owner, reservation_id, state, lane, due_at, line_count, fingerprint, created_at, expires_at, checks, parked_at, resolved_by, reference, reason"
	reservationColumns = untracedColumns + ", trace"
)

// A lane sorts the rows that wait for the sweeper or for their deletion, see
// the migration: the policy, and what has become of its checks.
const (
	lanePolicy   = 3 // mask of on_expiry
	laneDeferred = 4
	laneParked   = 8
)

func laneOf(r *reservation.Reservation) uint8 {
	lane := uint8(r.OnExpiry)
	if r.Checks > 0 {
		lane |= laneDeferred
	}
	if !r.ParkedAt.IsZero() {
		lane |= laneParked
	}
	return lane
}

// lanesOf lists the lanes of one policy: fresh holds first, parked ones last.
func lanesOf(policy reservation.OnExpiry) []uint8 {
	lane := uint8(policy)
	return []uint8{lane, lane | laneDeferred, lane | laneParked, lane | laneDeferred | laneParked}
}

func scanStock(rows *sql.Rows) (inventory.Stock, error) {
	var s inventory.Stock
	err := rows.Scan(&s.Location, &s.SKU, &s.OnHand, &s.Reserved, &s.Committed, &s.Version)
	return s, err
}

// scanReservation reads reservationColumns. The lines are read apart.
func scanReservation(rows *sql.Rows) (*reservation.Reservation, error) {
	var r reservation.Reservation
	var raw struct { // one allocation for all of them
		lane                          uint8
		fingerprint, trace            sql.RawBytes
		due, created, expires, parked moment
	}
	err := rows.Scan(&r.Key, &r.Owner, &r.ID, &r.State, &raw.lane, &raw.due, &r.LineCount, &raw.fingerprint,
		&raw.created, &raw.expires, &r.Checks, &raw.parked, &r.ResolvedBy, &r.Reference, &r.Reason, &raw.trace)
	if err != nil {
		return nil, err
	}
	if r.State == reservation.None || r.State > reservation.Returned {
		return nil, fmt.Errorf("reservation %s has state %d, which this version does not know: %w", r.HoldID, r.State, reservation.ErrCorrupt)
	}
	copy(r.Fingerprint[:], raw.fingerprint)
	if tracing.On() {
		r.Trace, _ = tracing.ParseMark(raw.trace) // what cannot be read is nobody's link: no call depends on it
	}
	r.OnExpiry = reservation.OnExpiry(raw.lane & lanePolicy)
	r.CreatedAt, r.ExpiresAt, r.ParkedAt = raw.created.Time, raw.expires.Time, raw.parked.Time
	if r.State == reservation.Reserved {
		r.NextCheckAt = raw.due.Time
	} else {
		r.ResolvedAt = raw.due.Time
	}
	return &r, nil
}

// clock reads the database's time and the number of the session that was asked.
// The embedded ledger lives in this process, so the process's clock is its clock.
func (s *Store) clock(ctx context.Context, conn gorm.ConnPool) (time.Time, int64, error) {
	if s.dialect.clock == "" {
		return time.Now().UTC().Truncate(time.Microsecond), 0, nil
	}
	var now moment
	var session int64
	err := queryRows(ctx, conn, newStatement("SELECT "+s.dialect.clock), func(rows *sql.Rows) error {
		return rows.Scan(&now, &session)
	})
	return now.Time, session, s.fail("read the clock", err)
}

// now is the database's time, outside of a transaction.
func (s *Store) now(ctx context.Context) (time.Time, error) {
	now, _, err := s.clock(ctx, s.read.Statement.ConnPool)
	return now, err
}

// readLines fills in the lines of reservations, in key order.
func readLines(ctx context.Context, conn gorm.ConnPool, held []*reservation.Reservation) error {
	byKey := make(map[int64]*reservation.Reservation, len(held))
	keys := make([]int64, 0, len(held))
	for _, r := range held {
		if r.LineCount > 0 && r.Lines == nil {
			byKey[r.Key] = r
			keys = append(keys, r.Key)
			r.Lines = make([]inventory.Line, 0, r.LineCount)
		}
	}
	return chunks(keys, lockChunk, func(keys []int64) error {
		q := in(newStatement("SELECT rkey, location_id, sku, quantity FROM reservation_lines WHERE rkey IN "), keys)
		q.add(" ORDER BY rkey, location_id, sku")
		return queryRows(ctx, conn, q, func(rows *sql.Rows) error {
			var key int64
			var line inventory.Line
			if err := rows.Scan(&key, &line.Location, &line.SKU, &line.Quantity); err != nil {
				return err
			}
			r := byKey[key]
			r.Lines = append(r.Lines, line)
			return nil
		})
	})
}

// known tells which ids have a row.
func (s *Store) known(ctx context.Context, conn gorm.ConnPool, ids []inventory.HoldID) ([]inventory.HoldID, error) {
	var found []inventory.HoldID
	err := chunks(ids, lockChunk, func(ids []inventory.HoldID) error {
		q := newStatement("SELECT owner, reservation_id FROM reservations" + s.dialect.index("by_id") + " WHERE (owner, reservation_id) IN (" + s.dialect.pairs)
		return queryRows(ctx, conn, q.holds(ids).add(")"), func(rows *sql.Rows) error {
			var id inventory.HoldID
			err := rows.Scan(&id.Owner, &id.ID)
			found = append(found, id)
			return err
		})
	})
	return found, err
}

// keys adds the pairs of an IN list.
func (s *statement) keys(keys []inventory.Key) *statement {
	s.rows(len(keys), 2)
	for _, k := range keys {
		s.args = append(s.args, k.Location, k.SKU)
	}
	return s
}

// holds adds the pairs of an IN list.
func (s *statement) holds(ids []inventory.HoldID) *statement {
	s.rows(len(ids), 2)
	for _, id := range ids {
		s.args = append(s.args, id.Owner, id.ID)
	}
	return s
}
