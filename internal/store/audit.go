package store

import (
	"context"
	"database/sql"
	"math"
	"time"

	"gorm.io/gorm"

	"stockhold/inventory"
	"stockhold/reservation"
)

// Snapshot is the ledger as it was at one moment, whatever is committed
// meanwhile. It takes no locks and stops nobody, but the database keeps every
// old row that it may still ask for (MySQL: undo logs; SQLite: a write-ahead log
// that grows) until Close. Its reads page through an index, so that each is
// short however large the table is; they belong to one goroutine.
type Snapshot struct {
	store *Store
	tx    *sql.Tx
	conn  gorm.ConnPool // tx; tests look at the statements here
}

// AuditLine is one line of a reservation, as an audit reads it.
type AuditLine struct {
	ReservationKey int64             // reservation.Reservation.Key
	State          reservation.State // of the reservation; None: there is no such. Only LinesBySKU reads it
	inventory.Line
}

// snapshotPatience bounds one statement. A page takes milliseconds; this is for
// a disk or a server that hangs.
const snapshotPatience = 30 * time.Second

// Snapshot fixes the moment before it returns. The caller closes it. A
// connection that is lost ends it: another one would see another moment.
func (s *Store) Snapshot(ctx context.Context) (*Snapshot, error) {
	pool, err := s.read.DB()
	if err != nil {
		return nil, s.fail("open a snapshot", err)
	}
	options := &sql.TxOptions{ReadOnly: true}
	if s.dialect.name == "mysql" {
		options.Isolation = sql.LevelRepeatableRead // else every statement would see a moment of its own
	}
	tx, err := pool.BeginTx(ctx, options)
	if err != nil {
		return nil, s.fail("open a snapshot", err)
	}
	n := &Snapshot{store: s, tx: tx, conn: tx}
	// Both kinds of database fix the moment with the first row that is asked for.
	first := newStatement("SELECT 1 FROM stocks LIMIT 1")
	if err := n.query(ctx, "fix the moment of a snapshot", first, func(*sql.Rows) error { return nil }); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// Close lets go of the moment.
func (n *Snapshot) Close() {
	_ = n.tx.Rollback() // nothing was written; a failure means a lost connection, and the server forgets by itself
}

func (n *Snapshot) query(ctx context.Context, doing string, q *statement, scan func(*sql.Rows) error) error {
	ctx, cancel := context.WithTimeout(ctx, snapshotPatience)
	defer cancel()
	return n.store.fail(doing, queryRows(ctx, n.conn, q, scan))
}

// Reservations reads up to limit reservations after a key, in order of key. Only
// key, id, state, line count and fingerprint are set.
func (n *Snapshot) Reservations(ctx context.Context, after int64, limit int) ([]reservation.Reservation, error) {
	page := make([]reservation.Reservation, 0, limit)
	q := newStatement("SELECT rkey, owner, reservation_id, state, line_count, fingerprint FROM reservations"+
		n.store.dialect.index("PRIMARY")+" WHERE rkey > ? ORDER BY rkey LIMIT ?", after, limit)
	err := n.query(ctx, "audit reservations", q, func(rows *sql.Rows) error {
		var r reservation.Reservation
		var state int64
		var fingerprint sql.RawBytes
		err := rows.Scan(&r.Key, &r.Owner, &r.ID, &state, &r.LineCount, &fingerprint)
		r.State = anyState(state)
		copy(r.Fingerprint[:], fingerprint)
		page = append(page, r)
		return err
	})
	return page, err
}

// Lines reads up to limit lines after another, in the order of (reservation
// key, location, sku), which is also the order within one reservation.
func (n *Snapshot) Lines(ctx context.Context, after AuditLine, limit int) ([]AuditLine, error) {
	page := make([]AuditLine, 0, limit)
	// The first condition finds the place in the index, the second passes over
	// what was read of the one reservation there.
	q := newStatement("SELECT rkey, location_id, sku, quantity FROM reservation_lines"+n.store.dialect.index("PRIMARY")+
		" WHERE rkey >= ? AND (rkey > ? OR location_id > ? OR (location_id = ? AND sku > ?))"+
		" ORDER BY rkey, location_id, sku LIMIT ?",
		after.ReservationKey, after.ReservationKey, after.Location, after.Location, after.SKU, limit)
	err := n.query(ctx, "audit lines", q, func(rows *sql.Rows) error {
		var l AuditLine
		err := rows.Scan(&l.ReservationKey, &l.Location, &l.SKU, &l.Quantity)
		page = append(page, l)
		return err
	})
	return page, err
}

// Stocks reads up to limit stock rows after a key, in the order of (sku, location).
func (n *Snapshot) Stocks(ctx context.Context, after inventory.Key, limit int) ([]inventory.Stock, error) {
	page := make([]inventory.Stock, 0, limit)
	read := func(where string, args ...any) error {
		q := newStatement("SELECT "+stockColumns+" FROM stocks"+n.store.dialect.index("by_sku")+" WHERE "+where, args...)
		q.add(" ORDER BY sku, location_id LIMIT ?", limit-len(page))
		return n.query(ctx, "audit stock rows", q, func(rows *sql.Rows) error {
			stock, err := scanStock(rows)
			page = append(page, stock)
			return err
		})
	}
	// Two ranges, because neither database finds its place in an index by a
	// comparison of pairs.
	if err := read("sku = ? AND location_id > ?", after.SKU, after.Location); err != nil || len(page) == limit {
		return page, err
	}
	return page, read("sku > ?", after.SKU)
}

// LinesBySKU reads up to limit lines after another, with the state of their
// reservations, in the order of (sku, reservation key, quantity, location), up to
// and with all lines of the sku upTo; "" is no bound. A sku's first line comes
// after [FirstOf], the next sku's after [LastOf].
func (n *Snapshot) LinesBySKU(ctx context.Context, after AuditLine, upTo string, limit int) ([]AuditLine, error) {
	page := make([]AuditLine, 0, limit)
	read := func(where *statement) error {
		q := newStatement("SELECT l.sku, l.rkey, l.quantity, l.location_id, COALESCE(r.state, 0) FROM reservation_lines l" +
			n.store.dialect.index("by_sku") + " LEFT JOIN reservations r ON r.rkey = l.rkey WHERE ")
		q.add(where.sql.String(), where.args...).add(" ORDER BY l.sku, l.rkey, l.quantity, l.location_id LIMIT ?", limit-len(page))
		return n.query(ctx, "audit lines by sku", q, func(rows *sql.Rows) error {
			var l AuditLine
			var state int64
			err := rows.Scan(&l.SKU, &l.ReservationKey, &l.Quantity, &l.Location, &state)
			l.State = anyState(state)
			page = append(page, l)
			return err
		})
	}
	rest := newStatement("l.sku = ? AND l.rkey >= ? AND (l.rkey > ? OR l.quantity > ? OR (l.quantity = ? AND l.location_id > ?))",
		after.SKU, after.ReservationKey, after.ReservationKey, after.Quantity, after.Quantity, after.Location)
	if err := read(rest); err != nil || len(page) == limit {
		return page, err
	}
	next := newStatement("l.sku > ?", after.SKU)
	if upTo != "" {
		next.add(" AND l.sku <= ?", upTo)
	}
	return page, read(next)
}

// FirstOf is the place before a sku's first line, for LinesBySKU.
func FirstOf(sku string) AuditLine { return place(sku, math.MinInt64) }

// LastOf is the place behind a sku's last line, for LinesBySKU.
func LastOf(sku string) AuditLine { return place(sku, math.MaxInt64) }

func place(sku string, key int64) AuditLine {
	return AuditLine{ReservationKey: key, Line: inventory.Line{Key: inventory.Key{SKU: sku}, Quantity: key}}
}

// anyState reads a state that may be nonsense: an audit must not fail because of
// what it is to report.
func anyState(column int64) reservation.State {
	if column < 0 || column > math.MaxUint8 {
		return math.MaxUint8
	}
	return reservation.State(column)
}
