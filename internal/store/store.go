package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"stockhold/reservation"
)

// Store is a ledger's database. It implements reservation.Store; its errors wrap
// the sentinels of that package.
type Store struct {
	dialect dialect
	write   *gorm.DB      // transactions
	read    *gorm.DB      // reads without locks; the same as write on MySQL
	where   string        // for logs: host and database, or a path; never a secret
	patient *mysql.Config // for migrations: without the ledger's short time-outs; nil on SQLite
}

var _ reservation.Store = (*Store)(nil)

func gormConfig() *gorm.Config {
	return &gorm.Config{
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true,
		Logger:                 logger.Discard, // errors are returned, and logged once by who handles them
	}
}

// Kind is "mysql" or "sqlite".
func (s *Store) Kind() string { return s.dialect.name }

// Where names the database for logs: host and database, or a path.
func (s *Store) Where() string { return s.where }

// Close closes all connections. Transactions must have ended.
func (s *Store) Close() error {
	if s.read == s.write {
		return closeDB(s.write)
	}
	ctx, cancel := context.WithTimeout(context.Background(), killTimeout)
	defer cancel()
	return errors.Join(closeDB(s.read), s.checkpoint(ctx), closeDB(s.write))
}

// ErrReadOnly is why a database that answers can hold nothing.
var ErrReadOnly = errors.New("it is read-only")

// Ping answers nil when the ledger can be read and written. Otherwise the error
// wraps reservation.ErrAway, and ErrReadOnly where that is why.
func (s *Store) Ping(ctx context.Context) error {
	query := "SELECT 'OFF'"
	if s.dialect.name == "mysql" {
		query = "SELECT @@global.read_only"
	}
	var readOnly string // a number on most servers, a word on the latest MariaDB
	if err := s.read.WithContext(ctx).Raw(query).Scan(&readOnly).Error; err != nil {
		return s.fail("ping", err)
	}
	if readOnly != "0" && readOnly != "OFF" {
		return fmt.Errorf("%w: %s: %w", reservation.ErrAway, s.where, ErrReadOnly)
	}
	return nil
}

// fail says what the store was doing and what the error means.
func (s *Store) fail(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, reservation.ErrCorrupt): // what is wrong is a row, not the database
		return fmt.Errorf("store: %s: %w", doing, err)
	}
	return fmt.Errorf("store: %s: %w", doing, s.dialect.classify(err))
}

// query runs a SELECT outside of a transaction and reads its rows one by one.
func (s *Store) query(ctx context.Context, doing string, q *statement, scan func(*sql.Rows) error) error {
	return s.fail(doing, queryRows(ctx, s.read.Statement.ConnPool, q, scan))
}

func queryRows(ctx context.Context, conn gorm.ConnPool, q *statement, scan func(*sql.Rows) error) error {
	rows, err := conn.QueryContext(ctx, q.sql.String(), q.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
