package faults

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"stockhold/internal/faults/proxy"
	"stockhold/internal/testservers"
)

// Owner is the owner of a shop's reservations.
const Owner = "shop"

// Site is what processes need: the two stores, a proxy in front of each and in
// front of the shop's decider, and the settings that lead there. Processes that
// a site started end with it.
//
//	caller -> process -> ToMySQL -> DB
//	                  -> ToRedis -> Redis
//	                  -> ToDecider -> desk of the shop
type Site struct {
	Program   *Program
	DB        *testservers.MariaDBServer
	Redis     *testservers.RedisServer
	ToMySQL   *proxy.Proxy
	ToRedis   *proxy.Proxy
	ToDecider *proxy.Proxy
	Desk      *Desk

	// Settings of every process, by variable; a test may change them before it
	// starts one.
	Settings map[string]string

	mu      sync.Mutex // servers may be started at once
	closers []func() error
	served  []*Process // all that there were
}

// SiteOptions shape a site. The zero value is the usual one.
type SiteOptions struct {
	MariaDB testservers.MariaDBOptions
	Redis   testservers.RedisOptions
	// RedisURL is where processes find the gate, instead of a Redis of the site's
	// own: a cluster, say. There is no ToRedis then.
	RedisURL string
}

// quick makes a sweeper that finishes what is overdue within moments.
var quick = map[string]string{
	"STOCKHOLD_CALL_TIMEOUT":         "4s",
	"STOCKHOLD_LEDGER_BATCH_TIMEOUT": "3s",
	"STOCKHOLD_SWEEP_INTERVAL":       "200ms",
	"STOCKHOLD_SWEEP_LEASE":          "3s",
	"STOCKHOLD_SWEEP_BACKOFF":        "500ms",
	"STOCKHOLD_SWEEP_SLOWEST":        "2s",
	"STOCKHOLD_SWEEP_REAP_GRACE":     "5s",
	"STOCKHOLD_SWEEP_PARK_AFTER":     "20",
	"STOCKHOLD_DECIDER_TIMEOUT":      "1s",
	"STOCKHOLD_MYSQL_WAIT":           "30s",
	"STOCKHOLD_DRAIN_TIMEOUT":        "10s",
	"STOCKHOLD_LOG_CHANGES":          "false", // a failing test shows the log
}

// patient is how long the program waits for things when nobody says otherwise, and
// a reaper that waits for all of it.
var patient = map[string]string{
	"STOCKHOLD_CALL_TIMEOUT":         "10s",
	"STOCKHOLD_LEDGER_BATCH_TIMEOUT": "5s",
	"STOCKHOLD_LEDGER_QUEUE_WAIT":    "5s",
	"STOCKHOLD_SWEEP_REAP_GRACE":     "11s",
}

// Patient is for a test in which every call has to be answered: a busy machine may
// take longer for that than a site's processes usually wait. Processes that were
// started before do not hear of it.
func (s *Site) Patient() { maps.Copy(s.Settings, patient) }

// OpenSite starts the stores, migrates a fresh database, and opens the proxies
// and a desk where the shop's decisions can be had.
func OpenSite(ctx context.Context, program *Program, options SiteOptions) (*Site, error) {
	s := &Site{Program: program, Settings: maps.Clone(quick)}
	if err := s.open(ctx, options); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Site) open(ctx context.Context, options SiteOptions) (err error) {
	if s.DB, err = testservers.StartMariaDB(ctx, options.MariaDB); err != nil {
		return err
	}
	s.onClose(s.DB.Close)
	if err := s.DB.CreateDatabase(ctx, database); err != nil {
		return err
	}
	if s.ToMySQL, err = s.proxyTo(s.DB.Addr()); err != nil {
		return err
	}
	s.Settings["STOCKHOLD_MYSQL_DSN"] = fmt.Sprintf("root@tcp(%s)/%s", s.ToMySQL.Addr(), database)
	s.Settings["STOCKHOLD_REDIS_URL"] = options.RedisURL
	if options.RedisURL == "" {
		if s.Redis, err = testservers.StartRedis(ctx, options.Redis); err != nil {
			return err
		}
		s.onClose(s.Redis.Close)
		if s.ToRedis, err = s.proxyTo(s.Redis.Addr()); err != nil {
			return err
		}
		s.Settings["STOCKHOLD_REDIS_URL"] = fmt.Sprintf("redis://%s/0", s.ToRedis.Addr())
	}
	if s.Desk, err = openDesk(ctx); err != nil {
		return err
	}
	s.onClose(s.Desk.Close)
	if s.ToDecider, err = s.proxyTo(s.Desk.Addr()); err != nil {
		return err
	}
	s.Settings["STOCKHOLD_DECIDERS"] = Owner + "=http://" + s.ToDecider.Addr()
	_, err = s.Program.Run(ctx, Setup{Args: []string{"migrate"}, Env: s.Env()})
	return err
}

// database is the name of a site's only one.
const database = "stockhold"

// DSN leads straight to the ledger, past the proxy: for tests, not for processes.
func (s *Site) DSN() string { return s.DB.DSN(database) }

func (s *Site) proxyTo(upstream string) (*proxy.Proxy, error) {
	p, err := proxy.Start(upstream)
	if err != nil {
		return nil, err
	}
	s.onClose(p.Close)
	return p, nil
}

// Env is the settings as a process takes them.
func (s *Site) Env() []string {
	env := make([]string, 0, len(s.Settings))
	for _, name := range slices.Sorted(maps.Keys(s.Settings)) {
		env = append(env, name+"="+s.Settings[name])
	}
	return env
}

// Serve starts a server with the site's settings. The site closes it, if nobody
// else does.
func (s *Site) Serve(ctx context.Context, args ...string) (*Process, error) {
	p, err := s.Program.Serve(ctx, Setup{Args: args, Env: s.Env()})
	if err == nil {
		s.onClose(p.Close)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.served = append(s.served, p)
	}
	return p, err
}

// Failed are the servers that ended by themselves or in which a handler panicked:
// whatever they said, and whoever was started in their place. The error is nil if
// there is none.
func (s *Site) Failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, p := range s.served {
		errs = append(errs, p.Failed())
	}
	return errors.Join(errs...)
}

// Run runs another command of the program to its end.
func (s *Site) Run(ctx context.Context, args ...string) (string, error) {
	return s.Program.Run(ctx, Setup{Args: args, Env: s.Env()})
}

// HealProxies ends what the proxies do to connections.
func (s *Site) HealProxies() error {
	var errs []error
	for _, p := range []*proxy.Proxy{s.ToMySQL, s.ToRedis, s.ToDecider} {
		if p != nil {
			errs = append(errs, p.Heal())
		}
	}
	return errors.Join(errs...)
}

func (s *Site) onClose(f func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closers = append(s.closers, f)
}

// Close ends everything that the site started, the youngest first.
func (s *Site) Close() error {
	var errs []error
	for _, closer := range slices.Backward(s.closers) {
		errs = append(errs, closer())
	}
	s.closers = nil
	return errors.Join(errs...)
}

// CommitPacket is what asks MySQL to commit: the packet's length, its number, the
// command, and the word. The word alone is also in READ COMMITTED, which every
// batch begins with.
var CommitPacket = append([]byte{7, 0, 0, 0, 3}, "COMMIT"...)
