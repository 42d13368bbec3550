package testservers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/go-sql-driver/mysql"
)

// userName is an ordinary user, made at the first start: unlike root it heeds read_only and max_connections.
const userName = "stockhold"

// minConnections is the least that MariaDB takes for max_connections; it rounds less up without a word.
const minConnections = 10

// Numbers of errors that MariaDB answers with.
const (
	errTooManyConnections = 1040
	errUnknownThread      = 1094
)

// UserDSN is [MariaDBServer.DSN] for an ordinary user, without a password, who may do everything in every database
// and nothing to the server. Root is above read_only, and has one connection more than max_connections.
func (s *MariaDBServer) UserDSN(database string) string {
	return fmt.Sprintf("%s@tcp(%s)/%s", userName, s.Addr(), database)
}

func (s *MariaDBServer) createUser(ctx context.Context) error {
	user := fmt.Sprintf("'%s'@'127.0.0.1'", userName)
	for _, statement := range []string{
		"CREATE USER IF NOT EXISTS " + user,
		// Rights on databases, by a pattern of their names, do not include those over the server.
		"GRANT ALL PRIVILEGES ON `%`.* TO " + user,
	} {
		if err := s.exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// SetReadOnly makes the server refuse, or take again, writes of ordinary users, as a primary does that was replaced.
// It waits for commits under way.
func (s *MariaDBServer) SetReadOnly(ctx context.Context, readOnly bool) error {
	value := "OFF"
	if readOnly {
		value = "ON"
	}
	return s.exec(ctx, "SET GLOBAL read_only = "+value)
}

// SetMaxConnections limits the sessions that may be open, to no less than 10; those that are open stay. Whoever is
// to feel it uses UserDSN: root's one extra connection is needed to raise the limit again.
func (s *MariaDBServer) SetMaxConnections(ctx context.Context, n int) error {
	if n < minConnections {
		return fmt.Errorf("let %d connections in: MariaDB wants at least %d", n, minConnections)
	}
	return s.exec(ctx, fmt.Sprintf("SET GLOBAL max_connections = %d", n))
}

// KillConnections ends every session but its own: their clients find the connection broken, and what they had not
// committed is rolled back.
func (s *MariaDBServer) KillConnections(ctx context.Context) error {
	return s.administer(ctx, func(ctx context.Context, session *sql.Conn) error {
		return endSessions(ctx, session, "id <> CONNECTION_ID() AND user NOT IN ('system user', 'event_scheduler')")
	})
}

// HoldRows runs a query that locks rows, such as SELECT ... FOR UPDATE, in a transaction of its own on dsn, and keeps
// the locks until release is called or ctx ends. It returns when the locks are held. Release rolls back.
func (s *MariaDBServer) HoldRows(ctx context.Context, dsn, query string) (release func(), err error) {
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return nil, fmt.Errorf("hold rows: %w", err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err == nil {
		_, err = tx.ExecContext(ctx, query)
	}
	release = sync.OnceFunc(func() {
		// Closed connections end their transactions, so a rollback that failed holds nothing.
		if tx != nil {
			_ = tx.Rollback()
		}
		_ = db.Close()
	})
	if err != nil {
		release()
		return nil, fmt.Errorf("hold rows by %q: %w", query, err)
	}
	return release, nil
}

func (s *MariaDBServer) exec(ctx context.Context, statement string) error {
	return s.administer(ctx, func(ctx context.Context, session *sql.Conn) error {
		if _, err := session.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
		return nil
	})
}

// administer uses one session of root's, for which it waits while there are too many.
func (s *MariaDBServer) administer(ctx context.Context, use func(context.Context, *sql.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, adminPatience)
	defer cancel()
	db, err := s.admin()
	if err != nil {
		return err
	}
	defer db.Close()
	var session *sql.Conn
	var refused error
	err = until(ctx, "root has a session on "+s.Addr(), func(ctx context.Context) error {
		session, refused = db.Conn(ctx)
		if isNumber(refused, errTooManyConnections) {
			return refused
		}
		return nil
	})
	if err = errors.Join(err, refused); err != nil {
		return fmt.Errorf("administer %s: %w", s.Addr(), err)
	}
	defer session.Close()
	return use(ctx, session)
}

func isNumber(err error, number uint16) bool {
	var refused *mysql.MySQLError
	return errors.As(err, &refused) && refused.Number == number
}
