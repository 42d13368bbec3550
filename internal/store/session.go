package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"gorm.io/gorm"
)

// session is one transaction on one connection.
type session interface {
	gorm.ConnPool    // one statement after the other
	gorm.TxCommitter // the end; Rollback after Commit does nothing
}

// mysqlSession is a READ COMMITTED transaction that asks for few round trips: a
// batch waits for each of them with its rows locked. BEGIN travels with the first
// statement, and statements whose results nobody waits for travel together.
type mysqlSession struct {
	*sql.Conn
	begun bool // BEGIN was sent, whatever came of it
	over  bool
}

// opening goes ahead of a transaction's first statement. The level holds for the
// one transaction, whatever the server's default: connections are shared with
// others that want another (audits).
const opening = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED;START TRANSACTION;"

// openings is how many statements those are.
const openings = 2

func (s *Store) openSession(ctx context.Context) (session, error) {
	if s.dialect.name != "mysql" {
		db := s.write.WithContext(ctx).Begin()
		if db.Error != nil {
			return nil, db.Error
		}
		return db.Statement.ConnPool.(*sql.Tx), nil
	}
	pool, err := s.write.DB()
	if err != nil {
		return nil, err
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &mysqlSession{Conn: conn}, nil
}

// opened is a statement with what must go ahead of it.
func (m *mysqlSession) opened(query string) string {
	if m.begun {
		return query
	}
	m.begun = true
	return opening + query
}

func (m *mysqlSession) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return m.Conn.QueryContext(ctx, m.opened(query), args...)
}

func (m *mysqlSession) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return m.Conn.ExecContext(ctx, m.opened(query), args...)
}

// execTogether runs statements in one round trip and returns how many rows each
// affected. The first that fails ends them.
func (m *mysqlSession) execTogether(ctx context.Context, statements []*statement) ([]int64, error) {
	var query strings.Builder
	length, arguments := len(opening), 0
	for _, q := range statements {
		length += q.sql.Len() + 1
		arguments += len(q.args)
	}
	query.Grow(length)
	values := make([]driver.NamedValue, 0, arguments)
	skip := 0
	if !m.begun {
		skip = openings
	}
	query.WriteString(m.opened(""))
	for i, q := range statements {
		if i > 0 {
			query.WriteByte(';')
		}
		query.WriteString(q.sql.String())
		for _, arg := range q.args {
			value, err := plain(arg)
			if err != nil {
				return nil, err
			}
			values = append(values, driver.NamedValue{Ordinal: len(values) + 1, Value: value})
		}
	}
	var counts []int64
	err := m.Conn.Raw(func(conn any) error {
		result, err := conn.(driver.ExecerContext).ExecContext(ctx, query.String(), values)
		if err == nil {
			counts = result.(mysql.Result).AllRowsAffected()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(counts) != skip+len(statements) {
		return nil, fmt.Errorf("%d statements were answered with %d results", len(statements), len(counts)-skip)
	}
	return counts[skip:], nil
}

// plain is a value as the driver takes it. database/sql would find out by
// reflection, for every column of every row.
func plain(value any) (driver.Value, error) {
	switch v := value.(type) {
	case nil, int64, string, []byte, time.Time:
		return v, nil
	case int:
		return int64(v), nil
	}
	return driver.DefaultParameterConverter.ConvertValue(value)
}

// Commit is not cut short: only the driver's own time limits end the wait, and
// then nobody knows what became of it.
func (m *mysqlSession) Commit() error {
	if m.over {
		return sql.ErrTxDone
	}
	m.over = true
	if m.begun {
		if _, err := m.Conn.ExecContext(context.Background(), "COMMIT"); err != nil {
			return errors.Join(err, m.discard())
		}
	}
	return m.Conn.Close()
}

// rollbackTimeout bounds a ROLLBACK, which runs when the time of the transaction
// may be over.
const rollbackTimeout = time.Second

// Rollback ends the transaction. Where the server does not confirm that, the
// connection is closed, and the server ends it by itself.
func (m *mysqlSession) Rollback() error {
	if m.over {
		return nil
	}
	m.over = true
	if m.begun {
		ctx, cancel := context.WithTimeout(context.Background(), rollbackTimeout)
		defer cancel()
		if _, err := m.Conn.ExecContext(ctx, "ROLLBACK"); err != nil {
			return errors.Join(err, m.discard())
		}
	}
	return m.Conn.Close()
}

// discard closes the connection instead of giving it back to the pool: it may
// have a transaction open.
func (m *mysqlSession) discard() error {
	err := m.Conn.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return nil // as asked, or closed before
	}
	return err
}
