package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"stockhold/internal/config"
	"stockhold/internal/store"
)

// prepare sees that the schema is this program's, and brings an older one up to
// date where that is allowed. A newer one is never touched: another version of
// the program works with it.
func prepare(ctx context.Context, ledger *store.Store, allowed bool, log *slog.Logger) error {
	err := ledger.CheckSchema(ctx)
	if !allowed || !errors.Is(err, store.ErrSchemaOld) {
		return err
	}
	applied, err := ledger.Migrate(ctx)
	for _, m := range applied {
		log.Info("migrated the ledger", "ledger", ledger.Where(), "version", m.Version, "migration", m.Name)
	}
	if err != nil {
		return err
	}
	return ledger.CheckSchema(ctx)
}

// Migrate brings the schema of the configured ledger up to date and tells on out
// what it applied. An embedded ledger must not be in use by a server.
func Migrate(ctx context.Context, cfg config.Stores, out io.Writer, log *slog.Logger) (err error) {
	if cfg.Embedded() {
		lock, err := lockFolder(cfg.Data)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, lock.Unlock()) }()
	}
	return withLedger(ctx, cfg, ownLedger, log, func(ledger *store.Store) error {
		if err := ledger.CheckSchema(ctx); errors.Is(err, store.ErrSchemaNew) {
			return err
		}
		applied, err := ledger.Migrate(ctx)
		for _, m := range applied {
			fmt.Fprintf(out, "applied %s\n", m.Name)
		}
		if err != nil {
			return err
		}
		return tellSchema(ctx, ledger, out)
	})
}

// SchemaStatus tells on out at which version the schema is. It returns an error
// unless that is the one this program works with.
func SchemaStatus(ctx context.Context, cfg config.Stores, out io.Writer, log *slog.Logger) error {
	return withLedger(ctx, cfg, findLedger, log, func(ledger *store.Store) error {
		return tellSchema(ctx, ledger, out)
	})
}

func tellSchema(ctx context.Context, ledger *store.Store, out io.Writer) error {
	have, want, err := ledger.Schema(ctx)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "%s is at version %d, this program works with %d\n", ledger.Where(), have, want); err != nil {
		return fmt.Errorf("print the schema's version: %w", err)
	}
	return ledger.CheckSchema(ctx)
}

func withLedger(
	ctx context.Context, cfg config.Stores, find func(string) (string, error), log *slog.Logger, use func(*store.Store) error,
) error {
	ledger, err := openLedger(cfg, find)
	if err != nil {
		return err
	}
	if err = awaitLedger(ctx, ledger, cfg.MySQLWait, log); err == nil {
		err = use(ledger)
	}
	return errors.Join(err, ledger.Close())
}
