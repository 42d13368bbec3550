package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	gormmysql "gorm.io/driver/mysql"
	"gorm.io/gorm"

	"stockhold/reservation"
)

// Options size a store's connections. Zero fields take the defaults.
type Options struct {
	Connections int           // most connections at once; default 16
	DialTimeout time.Duration // default 2 s
	IOTimeout   time.Duration // one read from or write to the server; default 5 s
}

var mysqlDialect = dialect{
	name:       "mysql",
	lock:       " FOR UPDATE",
	skipLocked: " FOR UPDATE SKIP LOCKED",
	index:      func(name string) string { return " FORCE INDEX (" + name + ")" },
	upsert:     " ON DUPLICATE KEY UPDATE on_hand=VALUES(on_hand), reserved=VALUES(reserved), committed=VALUES(committed), version=VALUES(version)",
	clock:      "UTC_TIMESTAMP(6), CONNECTION_ID()",
	time: func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return t.UTC()
	},
	classify: classifyMySQL,
}

// The session settings that the ledger's guarantees rest on.
//
// A lock wait of 2 s instead of 50 bounds what a stuck row costs. A wait_timeout
// of 10 s instead of 8 h makes the server end the transaction of a process that
// was stopped inside a batch; the pool closes idle connections sooner.
const (
	lockWaitSeconds    = "2"
	waitTimeoutSeconds = "10"
	poolIdleTime       = 5 * time.Second
	connectionLifetime = 30 * time.Minute // so that connections spread after a failover
)

// OpenMySQL opens a ledger on MySQL 8 or MariaDB 10.6 or later, named by a DSN
// of github.com/go-sql-driver/mysql with a database. It does not wait for the
// server: the first use does.
func OpenMySQL(dsn string, opts Options) (*Store, error) {
	config, err := mysqlConfig(dsn, opts)
	if err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("store: the MySQL DSN: %w", err)
	}
	pool := sql.OpenDB(connector)
	db, err := gorm.Open(gormmysql.New(gormmysql.Config{
		Conn:                      pool,
		SkipInitializeWithVersion: true, // needs no server to open, and uses nothing that differs by version
	}), gormConfig())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: open MySQL at %s: %w", config.Addr, err), pool.Close())
	}
	connections := opts.Connections
	if connections == 0 {
		connections = 16
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	pool.SetConnMaxIdleTime(poolIdleTime)
	pool.SetConnMaxLifetime(connectionLifetime)
	patient := config.Clone()
	patient.ReadTimeout, patient.WriteTimeout = 0, 0
	delete(patient.Params, "wait_timeout")
	return &Store{dialect: mysqlDialect, write: db, read: db, where: config.Addr + "/" + config.DBName, patient: patient}, nil
}

func openPatient(config *mysql.Config) (*sql.DB, error) {
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

func mysqlConfig(dsn string, opts Options) (*mysql.Config, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("store: the MySQL DSN cannot be read: %w", err)
	}
	if config.DBName == "" {
		return nil, errors.New("store: the MySQL DSN names no database")
	}
	config.ParseTime = true
	config.Loc = time.UTC
	config.InterpolateParams = true // one round trip a statement instead of two
	config.MultiStatements = true   // and one for several, see mysqlSession
	config.RejectReadOnly = true    // leave a primary that was demoted
	config.ClientFoundRows = true   // updates count the rows they matched
	config.Timeout = orDuration(opts.DialTimeout, 2*time.Second)
	config.ReadTimeout = orDuration(opts.IOTimeout, 5*time.Second)
	config.WriteTimeout = orDuration(opts.IOTimeout, 5*time.Second)
	config.Collation = "utf8mb4_bin"
	config.Logger = driverLog{} // it writes to stderr by itself what is returned as an error, too
	if config.Params == nil {
		config.Params = map[string]string{}
	}
	config.Params["innodb_lock_wait_timeout"] = lockWaitSeconds
	config.Params["wait_timeout"] = waitTimeoutSeconds
	config.Params["time_zone"] = "'+00:00'"
	config.Params["sql_mode"] = "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'"
	return config, nil
}

// driverLog passes the driver's own remarks on at debug level.
type driverLog struct{}

func (driverLog) Print(v ...any) { slog.Debug("mysql driver", "says", fmt.Sprint(v...)) }

func orDuration(d, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d
}

// Server errors by number (https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html).
const (
	mysqlDuplicate     = 1062
	mysqlLockWait      = 1205
	mysqlDeadlock      = 1213
	mariadbRowsChanged = 1020 // innodb_snapshot_isolation: the row changed since the snapshot
)

// classifyMySQL says what an error means for a batch. Errors of SQLSTATE class
// 22 and 23 are blamed on the data; whatever else the server says concerns the
// server, and splitting the batch would not help.
func classifyMySQL(err error) error {
	if err == nil {
		return nil
	}
	var server *mysql.MySQLError
	if !errors.As(err, &server) {
		return fmt.Errorf("%w: %w", reservation.ErrAway, err)
	}
	switch state := string(server.SQLState[:]); {
	case server.Number == mysqlDuplicate, server.Number == mysqlDeadlock, server.Number == mariadbRowsChanged:
		return fmt.Errorf("%w: %w", reservation.ErrConflict, err)
	case server.Number == mysqlLockWait:
		return fmt.Errorf("%w: %w", reservation.ErrLockWait, err)
	case strings.HasPrefix(state, "22"), strings.HasPrefix(state, "23"):
		return err
	default:
		return fmt.Errorf("%w: %w", reservation.ErrAway, err)
	}
}

// killTimeout bounds the attempt to end a lost session.
const killTimeout = time.Second

// kill ends the session whose COMMIT got no reply, if it is still there: until
// then it may hold the rows that the batch, run again, must wait for. It only
// helps to wait less, so that it may fail.
func (s *Store) kill(session int64) {
	if s.dialect.name != "mysql" || session == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), killTimeout)
	defer cancel()
	// Behind a proxy the number may be another server's: only a session of our
	// own user on our own database is ended, and losing one is harmless.
	var found int64
	err := s.read.WithContext(ctx).Raw("SELECT COUNT(*) FROM information_schema.processlist WHERE id = ? AND db = DATABASE() AND user = SUBSTRING_INDEX(USER(), '@', 1)", session).Scan(&found).Error
	if err == nil && found == 1 {
		err = s.read.WithContext(ctx).Exec(fmt.Sprintf("KILL %d", session)).Error
	}
	if err != nil {
		slog.Debug("a session whose COMMIT got no reply could not be ended; its locks end with it", "session", session, "error", err)
	}
}
