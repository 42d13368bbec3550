package faults

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/go-sql-driver/mysql"
)

// KillSessions ends all sessions of the ledger, whatever they are about: their
// transactions are rolled back, also if a COMMIT is on its way. Where another fault
// has killed the server, they ended with it.
func (s *Site) KillSessions(ctx context.Context) error {
	if err := s.killSessions(ctx); err != nil && !serverGone(err) {
		return fmt.Errorf("kill the ledger's sessions: %w", err)
	}
	return nil
}

// serverGone reports whether a server does not answer because it was killed.
func serverGone(err error) bool {
	for _, sign := range []error{syscall.ECONNREFUSED, syscall.ECONNRESET, io.EOF, io.ErrUnexpectedEOF, driver.ErrBadConn, mysql.ErrInvalidConn} {
		if errors.Is(err, sign) {
			return true
		}
	}
	return false
}

func (s *Site) killSessions(ctx context.Context) error {
	db, err := sql.Open("mysql", s.DSN())
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, "SELECT id FROM information_schema.processlist WHERE user = 'root' AND id <> CONNECTION_ID()")
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
	for _, id := range ids {
		// A session that ended meanwhile cannot be killed, and need not be.
		if _, err := db.ExecContext(ctx, fmt.Sprintf("KILL CONNECTION %d", id)); err != nil && ctx.Err() != nil {
			return err
		}
	}
	return nil
}
