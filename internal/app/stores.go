package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"stockhold/internal/config"
	"stockhold/internal/store"
	"stockhold/inventory"
	"stockhold/reservation"
)

// Stores are the ledger's database and the gate in front of it, opened for a
// command that works beside a server, or without one.
type Stores struct {
	Ledger *store.Store
	Gate   *inventory.Gate // nil when servers have their gates inside of them, out of reach
}

// OpenStores opens what the configuration names and checks that the schema is
// this program's. The embedded ledger must be there; a server may have it open
// at the same time. The caller closes what it got.
func OpenStores(ctx context.Context, cfg config.Stores, log *slog.Logger) (*Stores, error) {
	ledger, err := openLedger(cfg, findLedger)
	if err != nil {
		return nil, err
	}
	s := &Stores{Ledger: ledger}
	if err := awaitLedger(ctx, ledger, cfg.MySQLWait, log); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := ledger.CheckSchema(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if cfg.RedisURL != "" {
		if s.Gate, err = openGate(cfg, log); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// Close closes both.
func (s *Stores) Close() error {
	var err error
	if s.Gate != nil {
		err = s.Gate.Close()
	}
	return errors.Join(err, s.Ledger.Close())
}

// openLedger opens MySQL, without waiting for it, or else the file of the
// embedded ledger, whose path find tells.
func openLedger(cfg config.Stores, find func(folder string) (string, error)) (*store.Store, error) {
	if !cfg.Embedded() {
		return store.OpenMySQL(cfg.MySQLDSN, store.Options{Connections: cfg.MySQLConnections})
	}
	path, err := find(cfg.Data)
	if err != nil {
		return nil, err
	}
	return store.OpenSQLite(path, store.Options{})
}

// ownLedger is the file of the embedded ledger, there or to be made.
func ownLedger(folder string) (string, error) { return filepath.Join(folder, ledgerFile), nil }

func openGate(cfg config.Stores, log *slog.Logger) (*inventory.Gate, error) {
	options := inventory.Options{Prefix: cfg.RedisPrefix, Timeout: cfg.GateTimeout, Log: log}
	if cfg.RedisURL == "" {
		return inventory.OpenEmbedded(options)
	}
	return inventory.Open(cfg.RedisURL, options)
}

// gateName names the gate for logs: where it is, and nothing that is secret.
func gateName(cfg config.Stores) string {
	if cfg.RedisURL == "" {
		return "embedded"
	}
	address, _, _ := strings.Cut(cfg.RedisURL, "?")
	scheme, hosts, _ := strings.Cut(address, "://")
	if at := strings.LastIndex(hosts, "@"); at >= 0 {
		hosts = hosts[at+1:]
	}
	return scheme + "://" + hosts
}

// How a start looks again for a database that does not answer.
const (
	firstPause = 200 * time.Millisecond
	mostPause  = 3 * time.Second
)

// awaitLedger returns once the database answers, or fails after so long: a
// process that is started together with its database should not fail for being
// faster, and one that is misconfigured should not hang.
func awaitLedger(ctx context.Context, ledger *store.Store, patience time.Duration, log *slog.Logger) error {
	waiting := backoff.NewExponentialBackOff()
	waiting.InitialInterval, waiting.MaxInterval = firstPause, mostPause
	look := func() (struct{}, error) {
		_, _, err := ledger.Schema(ctx)
		if err != nil && !errors.Is(err, reservation.ErrAway) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}
	_, err := backoff.Retry(ctx, look,
		backoff.WithBackOff(waiting),
		backoff.WithMaxElapsedTime(max(patience, 1)), // 0 would be for ever
		backoff.WithNotify(func(err error, pause time.Duration) {
			log.Warn("the ledger does not answer yet", "ledger", ledger.Where(), "again_in", pause, "error", err)
		}),
	)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("stopped while waiting for the ledger at %s: %w", ledger.Where(), ctx.Err())
	case errors.Is(err, reservation.ErrAway):
		return fmt.Errorf("the ledger at %s did not answer within %s: %w", ledger.Where(), patience, err)
	}
	return err
}
