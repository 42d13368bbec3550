package testservers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
)

// Database makes an empty database on the shared server, drops it when the test ends, and returns its DSN.
func Database(t testing.TB) string {
	t.Helper()
	return DatabaseOn(t, MariaDB(t))
}

// DatabaseOn is [Database] on a server of the test's own. A server that is down or closed when the test ends
// keeps its database.
func DatabaseOn(t testing.TB, s *MariaDBServer) string {
	t.Helper()
	name := "test_" + unique()
	ctx, cancel := context.WithTimeout(t.Context(), adminPatience)
	defer cancel()
	if err := s.CreateDatabase(ctx, name); err != nil {
		t.Fatalf("testservers: %v", err)
	}
	t.Cleanup(func() {
		if s.Pid() == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), adminPatience)
		defer cancel()
		if err := s.DropDatabase(ctx, name); err != nil {
			t.Errorf("testservers: %v", err)
		}
	})
	return s.DSN(name)
}

// CreateDatabase makes an empty database; its name must be letters, digits and underscores.
func (s *MariaDBServer) CreateDatabase(ctx context.Context, name string) error {
	db, err := s.admin()
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "CREATE DATABASE `"+name+"`"); err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

// DropDatabase ends the sessions that use a database, since one open transaction in it would hold up the DROP,
// and drops it.
func (s *MariaDBServer) DropDatabase(ctx context.Context, name string) error {
	db, err := s.admin()
	if err != nil {
		return err
	}
	defer db.Close()
	if err := endSessions(ctx, db, "db = ?", name); err != nil {
		return fmt.Errorf("end the sessions on database %s: %w", name, err)
	}
	if _, err := db.ExecContext(ctx, "DROP DATABASE IF EXISTS `"+name+"`"); err != nil {
		return fmt.Errorf("drop database %s: %w", name, err)
	}
	return nil
}

// endSessions kills the sessions for which a condition on the process list holds.
func endSessions(ctx context.Context, db interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, condition string, args ...any) error {
	rows, err := db.QueryContext(ctx, "SELECT id FROM information_schema.processlist WHERE "+condition, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	var errs []error
	for _, id := range ids {
		// A session that ended by itself meanwhile is what was asked for.
		if _, err := db.ExecContext(ctx, fmt.Sprintf("KILL %d", id)); err != nil && !isNumber(err, errUnknownThread) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
