package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	sqlitedriver "github.com/glebarez/go-sqlite"
	gormsqlite "github.com/glebarez/sqlite"
	"gorm.io/gorm"

	"stockhold/reservation"
)

var sqliteDialect = dialect{
	name:   "sqlite",
	index:  func(string) string { return "" },
	pairs:  "VALUES ",
	upsert: " ON CONFLICT (location_id, sku) DO UPDATE SET on_hand=excluded.on_hand, reserved=excluded.reserved, committed=excluded.committed, version=excluded.version",
	time: func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return t.UnixMicro()
	},
	classify: classifySQLite,
}

// busyMilliseconds is how long a transaction waits for another process's.
const busyMilliseconds = "5000"

// OpenSQLite opens, or makes, an embedded ledger in one file. Writers take turns
// (BEGIN IMMEDIATE stands for the row locks); readers see the last commit
// beside them (WAL). A commit is on disk before it is answered (synchronous
// FULL). Several processes of one machine may have it open.
func OpenSQLite(path string, opts Options) (*Store, error) {
	write, err := openSQLite(path, "immediate", 1)
	if err != nil {
		return nil, err
	}
	connections := opts.Connections
	if connections == 0 {
		connections = 4
	}
	read, err := openSQLite(path, "deferred", connections)
	if err != nil {
		return nil, errors.Join(err, closeDB(write))
	}
	return &Store{dialect: sqliteDialect, write: write, read: read, where: path}, nil
}

func openSQLite(path, lock string, connections int) (*gorm.DB, error) {
	query := url.Values{
		"_txlock": {lock},
		"_pragma": {"busy_timeout(" + busyMilliseconds + ")", "journal_mode(WAL)", "synchronous(FULL)"},
	}
	pool, err := sql.Open("sqlite", "file:"+url.PathEscape(path)+"?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("store: open %s: %w", path, err)
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	db, err := gorm.Open(&gormsqlite.Dialector{Conn: pool}, gormConfig())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: open %s: %w", path, err), pool.Close())
	}
	return db, nil
}

// Result codes of SQLite (https://www.sqlite.org/rescode.html).
const (
	sqliteConstraint           = 19
	sqliteConstraintPrimaryKey = 1555
	sqliteConstraintUnique     = 2067
	sqliteMismatch             = 20
	sqliteTooBig               = 18
	sqliteRange                = 25
)

// classifySQLite says what an error means for a batch. A busy database is away
// for everybody: there are no row locks to single out.
func classifySQLite(err error) error {
	if err == nil {
		return nil
	}
	var failed *sqlitedriver.Error
	if !errors.As(err, &failed) {
		return fmt.Errorf("%w: %w", reservation.ErrAway, err)
	}
	switch code := failed.Code(); {
	case code == sqliteConstraintPrimaryKey, code == sqliteConstraintUnique:
		return fmt.Errorf("%w: %w", reservation.ErrConflict, err)
	case code&0xff == sqliteConstraint, code == sqliteMismatch, code == sqliteTooBig, code == sqliteRange:
		return err
	default:
		return fmt.Errorf("%w: %w", reservation.ErrAway, err)
	}
}

func closeDB(db *gorm.DB) error {
	pool, err := db.DB()
	if err != nil {
		return err
	}
	return pool.Close()
}

// checkpoint moves the write-ahead log into the file, so that a stopped server
// leaves one file behind.
func (s *Store) checkpoint(ctx context.Context) error {
	if s.dialect.name != "sqlite" {
		return nil
	}
	return s.write.WithContext(ctx).Exec("PRAGMA wal_checkpoint(TRUNCATE)").Error
}
