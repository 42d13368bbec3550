// Package stage starts what is measured: throw-away stores, stockhold itself,
// and the peers, each as a process of its own; and it reads in their tables what
// their answers were worth.
package stage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"stockhold/internal/testservers"
)

// Options shape a stage.
type Options struct {
	BufferPoolMiB int
	Profile       bool // stockhold is built with a way to read profiles
}

// Stage is the stores and the programs. One MariaDB and one Redis serve all
// systems, each with a database and a prefix of its own.
type Stage struct {
	folder   string
	self     string // this program, which is the peers' as well
	binary   string // stockhold
	profiled bool
	maria    *testservers.MariaDBServer
	redis    *testservers.RedisServer
	systems  atomic.Int64
}

// Open builds stockhold and starts the stores. The caller closes the stage.
func Open(ctx context.Context, opts Options) (s *Stage, err error) {
	s = &Stage{profiled: opts.Profile}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.folder, err = os.MkdirTemp("", "stockhold-bench-"); err != nil {
		return s, fmt.Errorf("make a folder: %w", err)
	}
	if s.self, err = os.Executable(); err != nil {
		return s, fmt.Errorf("find this program: %w", err)
	}
	if s.binary, err = build(ctx, s.folder, opts.Profile); err != nil {
		return s, err
	}
	if s.maria, err = testservers.StartMariaDB(ctx, mariadbOptions(opts)); err != nil {
		return s, err
	}
	// Nothing of the gate needs to outlive Redis, so nothing is written to disk.
	s.redis, err = testservers.StartRedis(ctx, testservers.RedisOptions{})
	return s, err
}

// redoLogShare of the buffer pool is what the redo log gets: 1 GiB of 4 GiB is
// enough that checkpoints do not set the pace. The server takes the space at its
// start, so a quick run, with its small pool, asks the disk for little.
const redoLogShare = 4

func mariadbOptions(opts Options) testservers.MariaDBOptions {
	return testservers.MariaDBOptions{
		BufferPoolMiB: opts.BufferPoolMiB,
		Durability:    testservers.Durable,
		Args: []string{
			fmt.Sprintf("--innodb-log-file-size=%dM", opts.BufferPoolMiB/redoLogShare),
			"--local-infile=1",
			"--binlog-format=ROW", // as MySQL 8 ships
			"--max-connections=1000",
		},
	}
}

// Close stops the stores and removes all files. Systems must have been closed.
func (s *Stage) Close() error {
	var errs []error
	if s.redis != nil {
		errs = append(errs, s.redis.Close())
	}
	if s.maria != nil {
		errs = append(errs, s.maria.Close())
	}
	if s.folder != "" {
		errs = append(errs, os.RemoveAll(s.folder))
	}
	return errors.Join(append(errs, testservers.Shutdown())...)
}

// MariaDBPid and RedisPid are the stores' processes.
func (s *Stage) MariaDBPid() int { return s.maria.Pid() }

// RedisPid is the process of Redis.
func (s *Stage) RedisPid() int { return s.redis.Pid() }

// RedisAddr is host:port.
func (s *Stage) RedisAddr() string { return s.redis.Addr() }

// Redis is a client of the one Redis. The caller closes it.
func (s *Stage) Redis() *redis.Client { return s.redis.Client() }

// space is a database and a prefix for one system.
type space struct {
	name  string
	stage *Stage
	db    *sql.DB
}

// newSpace makes an empty database. drop removes it.
func (s *Stage) newSpace(ctx context.Context) (*space, error) {
	name := "bench_" + strconv.FormatInt(s.systems.Add(1), 10)
	if err := s.maria.CreateDatabase(ctx, name); err != nil {
		return nil, err
	}
	db, err := sql.Open("mysql", s.maria.DSN(name)+"?charset=utf8mb4&time_zone=%27%2B00%3A00%27&interpolateParams=true&parseTime=true")
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", name, err)
	}
	return &space{name: name, stage: s, db: db}, nil
}

func (p *space) dsn() string { return p.stage.maria.DSN(p.name) }

// drop removes the database, and what the server keeps of its changes.
func (p *space) drop(ctx context.Context) error {
	errs := []error{p.db.Close()}
	errs = append(errs, p.stage.maria.DropDatabase(ctx, p.name))
	return errors.Join(append(errs, p.stage.forgetLogs(ctx))...)
}

// forgetLogs removes old binary logs: a long run writes gigabytes of them.
func (s *Stage) forgetLogs(ctx context.Context) error {
	db, err := s.Admin()
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range []string{"FLUSH BINARY LOGS", "PURGE BINARY LOGS BEFORE NOW()"} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// Admin is a connection to the server without a database. The caller closes it.
func (s *Stage) Admin() (*sql.DB, error) {
	db, err := sql.Open("mysql", s.maria.DSN(""))
	if err != nil {
		return nil, fmt.Errorf("connect to MariaDB: %w", err)
	}
	return db, nil
}
