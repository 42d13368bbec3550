package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/go-sql-driver/mysql"
	"gorm.io/gorm"

	"stockhold/inventory"
	"stockhold/reservation"
)

// tx is one transaction of a batch.
type tx struct {
	store   *Store
	conn    gorm.ConnPool    // the transaction's own connection
	end     gorm.TxCommitter // the same
	session int64            // the server's number of it, once the clock was read
	clock   time.Time        // read with the last lock, for Now
}

// Begin opens a READ COMMITTED transaction: every statement sees what was
// committed before it, so that a row read under its lock is the row as it is.
// On SQLite the transaction holds the one write lock from the start.
func (s *Store) Begin(ctx context.Context) (reservation.Tx, error) {
	session, err := s.openSession(ctx)
	if err != nil {
		return nil, s.fail("begin", err)
	}
	return &tx{store: s, conn: session, end: session}, nil
}

func (t *tx) query(ctx context.Context, doing string, q *statement, scan func(*sql.Rows) error) error {
	return t.store.fail(doing, queryRows(ctx, t.conn, q, scan))
}

func (t *tx) LockReservations(ctx context.Context, ids []inventory.HoldID, locked reservation.Locked) ([]*reservation.Reservation, error) {
	var held []*reservation.Reservation
	err := chunks(ids, lockChunk, func(ids []inventory.HoldID) error {
		q := newStatement("SELECT " + reservationColumns + " FROM reservations" + t.store.dialect.index("by_id") + " WHERE (owner, reservation_id) IN (" + t.store.dialect.pairs)
		q.holds(ids).add(") ORDER BY owner, reservation_id" + t.store.dialect.locking(locked))
		return t.query(ctx, "lock reservations", q, func(rows *sql.Rows) error {
			r, err := scanReservation(rows)
			held = append(held, r)
			return err
		})
	})
	return held, err
}

// lockChunk bounds the keys of one statement. Chunks follow each other in key
// order, so they lock as one statement would. From 1,000 values on MariaDB turns
// an IN list into a join that need not follow the index
// (in_predicate_conversion_threshold).
const lockChunk = 500

func (t *tx) LockDue(ctx context.Context, policy reservation.OnExpiry, limit int) ([]*reservation.Reservation, error) {
	var held []*reservation.Reservation
	now, err := t.Now(ctx)
	if err != nil {
		return nil, err
	}
	lanes, err := t.dueLanes(ctx, policy, now)
	if err != nil {
		return nil, err
	}
	for _, lane := range lanes {
		if len(held) == limit {
			break
		}
		q := newStatement("SELECT "+reservationColumns+" FROM reservations"+t.store.dialect.index("by_due")+
			" WHERE state = ? AND lane = ? AND due_at <= ? ORDER BY due_at LIMIT ?"+t.store.dialect.skipLocked,
			reservation.Reserved, lane, t.store.dialect.time(now), limit-len(held))
		err := t.query(ctx, "lock due reservations", q, func(rows *sql.Rows) error {
			r, err := scanReservation(rows)
			held = append(held, r)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return held, nil
}

// dueLanes lists the lanes of a policy that have something due, the one with the
// oldest first: no flood in one lane keeps another waiting.
func (t *tx) dueLanes(ctx context.Context, policy reservation.OnExpiry, now time.Time) ([]uint8, error) {
	type head struct {
		lane uint8
		due  time.Time
	}
	var heads []head
	for _, lane := range lanesOf(policy) {
		q := newStatement("SELECT due_at FROM reservations"+t.store.dialect.index("by_due")+
			" WHERE state = ? AND lane = ? AND due_at <= ? ORDER BY due_at LIMIT 1", reservation.Reserved, lane, t.store.dialect.time(now))
		err := t.query(ctx, "look for due reservations", q, func(rows *sql.Rows) error {
			var due moment
			err := rows.Scan(&due)
			heads = append(heads, head{lane, due.Time})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(heads, func(a, b head) int { return a.due.Compare(b.due) })
	lanes := make([]uint8, len(heads))
	for i, h := range heads {
		lanes[i] = h.lane
	}
	return lanes, nil
}

func (t *tx) ReadLines(ctx context.Context, held []*reservation.Reservation) error {
	return t.store.fail("read lines", readLines(ctx, t.conn, held))
}

// LockStocks reads the database's clock along with rows that it waited for: they
// are all locked by then, and it saves a round trip while they are.
func (t *tx) LockStocks(ctx context.Context, keys []inventory.Key, locked reservation.Locked) ([]inventory.Stock, error) {
	t.clock = time.Time{}
	stocks := make([]inventory.Stock, 0, len(keys))
	left := len(keys)
	err := chunks(keys, lockChunk, func(keys []inventory.Key) error {
		q := newStatement("SELECT " + stockColumns + " FROM stocks" + t.store.dialect.index("PRIMARY") + " WHERE (location_id, sku) IN (" + t.store.dialect.pairs)
		q.keys(keys).add(") ORDER BY location_id, sku" + t.store.dialect.locking(locked))
		read := func(rows *sql.Rows) error {
			s, err := scanStock(rows)
			stocks = append(stocks, s)
			return err
		}
		if left -= len(keys); left > 0 || locked == reservation.Pass || t.store.dialect.clock == "" {
			return t.query(ctx, "lock stock rows", q, read)
		}
		return t.store.fail("lock stock rows", t.queryThenClock(ctx, q, read))
	})
	return stocks, err
}

// queryThenClock asks for rows and then, in the same round trip, for the time.
// The server begins the second statement when the first has all its locks.
func (t *tx) queryThenClock(ctx context.Context, q *statement, scan func(*sql.Rows) error) error {
	rows, err := t.conn.QueryContext(ctx, q.add(";SELECT "+t.store.dialect.clock).sql.String(), q.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	if rows.NextResultSet() && rows.Next() {
		var now moment
		if err := rows.Scan(&now, &t.session); err != nil {
			return err
		}
		t.clock = now.Time
	}
	return rows.Err()
}

func (t *tx) Adjustments(ctx context.Context, ids []string) ([]inventory.Adjustment, error) {
	t.clock = time.Time{} // it is to be read after this
	var known []inventory.Adjustment
	err := chunks(ids, lockChunk, func(ids []string) error {
		q := newStatement("SELECT adjustment_id, location_id, sku, is_recount, amount, expected_on_hand, created_at, reason, reference FROM stock_adjustments WHERE adjustment_id IN ")
		return t.query(ctx, "read adjustments", in(q, ids), func(rows *sql.Rows) error {
			var a inventory.Adjustment
			var at moment
			err := rows.Scan(&a.ID, &a.Key.Location, &a.Key.SKU, &a.Set, &a.Amount, &a.Expected, &at, &a.Reason, &a.Reference)
			a.At = at.Time
			known = append(known, a)
			return err
		})
	})
	return known, err
}

func (t *tx) Exist(ctx context.Context, ids []inventory.HoldID) ([]inventory.HoldID, error) {
	known, err := t.store.known(ctx, t.conn, ids)
	return known, t.store.fail("look for ids again", err)
}

// Now is the time that came with the last locks, once, or reads the clock.
func (t *tx) Now(ctx context.Context) (now time.Time, err error) {
	now, t.clock = t.clock, time.Time{}
	if now.IsZero() {
		now, t.session, err = t.store.clock(ctx, t.conn)
	}
	return now, err
}

// Commit ends the transaction. Unless the server said that it rolled back, an
// error leaves the outcome open: the reply may be what was lost, and a plain
// read proves nothing while the server may still be committing.
func (t *tx) Commit(ctx context.Context) error {
	if ctx.Err() != nil { // COMMIT was not sent
		t.Rollback()
		return t.store.fail("commit", ctx.Err())
	}
	err := t.end.Commit()
	if err == nil {
		return nil
	}
	classified := t.store.fail("commit", err)
	var server *mysql.MySQLError
	if errors.As(err, &server) && (errors.Is(classified, reservation.ErrConflict) || errors.Is(classified, reservation.ErrLockWait)) {
		return classified
	}
	if errors.Is(err, sql.ErrTxDone) { // rolled back before
		return classified
	}
	t.store.kill(t.session)
	return errors.Join(reservation.ErrCommitUnknown, err)
}

// Rollback undoes what was not committed. A failed ROLLBACK means a lost
// connection, and the server rolls back by itself.
func (t *tx) Rollback() { _ = t.end.Rollback() }
