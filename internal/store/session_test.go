package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

var errRefused = errors.New("the server does not want to")

// stubborn is a database that ends no transaction, and keeps its connections open.
type stubborn struct{ made, closed atomic.Int64 }

func (s *stubborn) Driver() driver.Driver { return nil }

func (s *stubborn) Connect(context.Context) (driver.Conn, error) {
	s.made.Add(1)
	return &stubbornConn{s}, nil
}

type stubbornConn struct{ database *stubborn }

func (c *stubbornConn) Prepare(string) (driver.Stmt, error) { return nil, errRefused }
func (c *stubbornConn) Begin() (driver.Tx, error)           { return nil, errRefused }
func (c *stubbornConn) Close() error                        { c.database.closed.Add(1); return nil }

func (c *stubbornConn) ExecContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Result, error) {
	if query == "COMMIT" || query == "ROLLBACK" {
		return nil, errRefused
	}
	return driver.RowsAffected(1), nil
}

// A connection whose transaction may still be open is not given back: the next
// BEGIN on it would commit what nobody was told of, and until then it holds its rows.
func TestAConnectionThatMayHaveATransactionOpenIsClosed(t *testing.T) {
	for name, end := range map[string]func(*mysqlSession) error{
		"COMMIT":   (*mysqlSession).Commit,
		"ROLLBACK": (*mysqlSession).Rollback,
	} {
		t.Run(name, func(t *testing.T) {
			database := &stubborn{}
			pool := sql.OpenDB(database)
			defer pool.Close()
			conn, err := pool.Conn(t.Context())
			require.NoError(t, err)
			session := &mysqlSession{Conn: conn}
			_, err = session.ExecContext(t.Context(), "UPDATE stocks SET on_hand = 1")
			require.NoError(t, err)
			require.ErrorIs(t, end(session), errRefused)
			require.Equal(t, int64(1), database.closed.Load())
			require.Zero(t, pool.Stats().OpenConnections)
			require.NoError(t, session.Rollback(), "it is over")

			next, err := pool.Conn(t.Context())
			require.NoError(t, err)
			require.Equal(t, int64(2), database.made.Load(), "whoever comes next gets another one")
			require.NoError(t, next.Close())
		})
	}
}
