package testservers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Durability says what a committed transaction survives.
type Durability int

const (
	// KillSafe keeps commits when the server is killed, and may lose them with the machine: the log is written at
	// each COMMIT (innodb_flush_log_at_trx_commit=2) and nothing is ever synced. The default.
	KillSafe Durability = iota
	// Careless loses up to a second of commits when the server is killed (innodb_flush_log_at_trx_commit=0).
	Careless
	// Durable is what a production primary runs with: innodb_flush_log_at_trx_commit=1, a binary log, sync_binlog=1.
	Durable
)

// MariaDBOptions shape a MariaDB server. The zero value is a small, fast server for tests.
type MariaDBOptions struct {
	// BufferPoolMiB is innodb_buffer_pool_size in MiB; 0 means 128.
	BufferPoolMiB int
	// Durability of commits; the zero value is KillSafe.
	Durability Durability
	// FakeClock gives the server a clock that SetClock moves. It needs libfaketime.
	FakeClock bool
	// Args go last on mariadbd's command line, such as "--innodb-log-file-size=512M", so they win.
	Args []string
}

// A MariaDBServer is one mariadbd with no databases but its own. Its users, without passwords, are root ([MariaDBServer.DSN])
// and an ordinary one ([MariaDBServer.UserDSN]).
type MariaDBServer struct{ server }

// StartMariaDB starts a server and returns when it answers queries. Without a deadline in ctx it takes at most
// 60 s. The first start on a machine makes a template of the data folder, which takes seconds; later ones copy it.
// The caller closes the server. ctx bounds the start only.
func StartMariaDB(ctx context.Context, options MariaDBOptions) (*MariaDBServer, error) {
	path, err := binary("mariadbd")
	if err != nil {
		return nil, err
	}
	template, err := dataTemplate(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("make a MariaDB data folder: %w", err)
	}
	s := new(MariaDBServer)
	if err := s.open("mariadbd", path); err != nil {
		return nil, err
	}
	if options.FakeClock {
		if err := s.fakeClock(); err != nil {
			return nil, errors.Join(fmt.Errorf("start MariaDB: %w", err), s.Close())
		}
	}
	s.configure = func(port int) ([]string, error) {
		// Made anew for every port tried: a server that could not listen leaves nothing behind.
		if err := os.RemoveAll(s.dataFolder()); err != nil {
			return nil, fmt.Errorf("clear the data folder: %w", err)
		}
		if err := os.CopyFS(s.dataFolder(), os.DirFS(template)); err != nil {
			return nil, fmt.Errorf("copy the data folder: %w", err)
		}
		return mariadbArgs(options, s.dataFolder(), s.folder, port), nil
	}
	s.probe = s.ready
	if err := s.firstStart(ctx); err != nil {
		return nil, fmt.Errorf("start MariaDB: %w", err)
	}
	if err := s.createUser(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("make an ordinary user: %w", err), s.Close())
	}
	return s, nil
}

func (s *MariaDBServer) dataFolder() string { return filepath.Join(s.folder, "data") }

func mariadbArgs(options MariaDBOptions, data, tmp string, port int) []string {
	if options.BufferPoolMiB == 0 {
		options.BufferPoolMiB = 128
	}
	args := []string{
		"--no-defaults",
		"--datadir=" + data,
		"--tmpdir=" + tmp,
		"--bind-address=127.0.0.1",
		"--port=" + strconv.Itoa(port),
		// Relative to the data folder: a socket's whole path has little room.
		"--socket=socket",
		"--pid-file=pid",
		"--skip-name-resolve",
		"--max-connections=500",
		"--performance-schema=0",
		"--innodb-buffer-pool-dump-at-shutdown=0",
		"--innodb-buffer-pool-load-at-startup=0",
		"--innodb-log-file-size=" + templateLogSize,
		fmt.Sprintf("--innodb-buffer-pool-size=%dM", options.BufferPoolMiB),
	}
	args = append(args, asRoot()...)
	switch options.Durability {
	case Durable:
		args = append(args, "--innodb-flush-log-at-trx-commit=1", "--log-bin=binlog", "--server-id=1", "--sync-binlog=1")
	case Careless:
		args = append(args, "--innodb-flush-log-at-trx-commit=0", "--debug-no-sync")
	default:
		args = append(args, "--innodb-flush-log-at-trx-commit=2", "--debug-no-sync")
	}
	return append(args, options.Args...)
}

// asRoot returns the argument without which MariaDB's programs refuse to run as root.
func asRoot() []string {
	if os.Geteuid() != 0 {
		return nil
	}
	name := "root"
	if me, err := user.Current(); err == nil {
		name = me.Username
	}
	return []string{"--user=" + name}
}

// DSN returns the address of a database in the form of github.com/go-sql-driver/mysql, without parameters; an
// empty name is no database.
func (s *MariaDBServer) DSN(database string) string {
	return fmt.Sprintf("root@tcp(%s)/%s", s.Addr(), database)
}

// ready asks for the data folder, which no other server has.
func (s *MariaDBServer) ready(ctx context.Context) error {
	db, err := s.admin()
	if err != nil {
		return err
	}
	defer db.Close()
	var data string
	if err := db.QueryRowContext(ctx, "SELECT @@datadir").Scan(&data); err != nil {
		return err
	}
	if filepath.Clean(data) != s.dataFolder() {
		return fmt.Errorf("another server with data in %s listens on %s", data, s.Addr())
	}
	return nil
}

// admin returns connections that the caller closes. They are made per use: no idle one outlives a Restart.
func (s *MariaDBServer) admin() (*sql.DB, error) {
	config, err := mysql.ParseDSN(s.DSN(""))
	if err != nil {
		return nil, fmt.Errorf("parse the server's own DSN: %w", err)
	}
	config.Timeout = probePatience
	config.ReadTimeout = 2 * adminPatience
	// A server that is still starting is no news.
	config.Logger = new(mysql.NopLogger)
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", s.Addr(), err)
	}
	return sql.OpenDB(connector), nil
}

// adminPatience bounds making or dropping a database.
const adminPatience = 20 * time.Second
