package store

import (
	"context"
	"database/sql"

	"stockhold/inventory"
	"stockhold/reservation"
)

// Stocks reads rows without locks.
func (s *Store) Stocks(ctx context.Context, keys []inventory.Key) ([]inventory.Stock, error) {
	stocks := make([]inventory.Stock, 0, len(keys))
	err := chunks(keys, lockChunk, func(keys []inventory.Key) error {
		q := newStatement("SELECT " + stockColumns + " FROM stocks" + s.dialect.index("PRIMARY") + " WHERE (location_id, sku) IN (" + s.dialect.pairs)
		return s.query(ctx, "read stock rows", q.keys(keys).add(")"), func(rows *sql.Rows) error {
			stock, err := scanStock(rows)
			stocks = append(stocks, stock)
			return err
		})
	})
	return stocks, err
}

// Known tells which ids have a row, without locks.
func (s *Store) Known(ctx context.Context, ids []inventory.HoldID) ([]inventory.HoldID, error) {
	found, err := s.known(ctx, s.read.Statement.ConnPool, ids)
	return found, s.fail("look for ids", err)
}

// Reservation reads one with its lines, or nil.
func (s *Store) Reservation(ctx context.Context, id inventory.HoldID) (*reservation.Reservation, error) {
	q := newStatement("SELECT "+reservationColumns+" FROM reservations WHERE owner = ? AND reservation_id = ?", id.Owner, id.ID)
	found, err := s.reservations(ctx, q)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// reservations runs a SELECT of reservationColumns and reads the lines, too.
func (s *Store) reservations(ctx context.Context, q *statement) ([]*reservation.Reservation, error) {
	var found []*reservation.Reservation
	err := s.query(ctx, "read reservations", q, func(rows *sql.Rows) error {
		r, err := scanReservation(rows)
		found = append(found, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, s.fail("read lines", readLines(ctx, s.read.Statement.ConnPool, found))
}

// StockPage reads stock rows after a key, in key order, by whichever index
// serves the filter.
func (s *Store) StockPage(ctx context.Context, sku, location string, after inventory.Key, limit int) ([]inventory.Stock, error) {
	q := newStatement("SELECT " + stockColumns + " FROM stocks WHERE ")
	switch {
	case sku != "":
		q.add("sku = ? AND location_id > ?", sku, after.Location)
		if location != "" {
			q.add(" AND location_id = ?", location)
		}
	case location != "":
		q.add("location_id = ? AND sku > ?", location, after.SKU)
	case s.dialect.name == "sqlite": // which would scan for the words below
		q.add("(location_id, sku) > (?, ?)", after.Location, after.SKU)
	default: // as MySQL would for those above
		q.add("(location_id > ? OR (location_id = ? AND sku > ?))", after.Location, after.Location, after.SKU)
	}
	q.add(" ORDER BY location_id, sku LIMIT ?", limit)
	var page []inventory.Stock
	err := s.query(ctx, "list stock rows", q, func(rows *sql.Rows) error {
		stock, err := scanStock(rows)
		page = append(page, stock)
		return err
	})
	return page, err
}
