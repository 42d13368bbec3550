package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"time"

	"stockhold/internal/audit"
	"stockhold/internal/config"
	"stockhold/internal/demo"
)

// Demo makes a demonstration with a server of its own, on a free port of the
// loopback: on the configured MySQL (and Redis), where it keeps to an owner and a
// location of its own, or on embedded stores in a temporary folder.
func Demo(ctx context.Context, cfg config.Config, opts demo.Options, log *slog.Logger) (demo.Result, error) {
	opts.Logger, opts.Start = log, DemoStage(cfg, log)
	return demo.Run(ctx, opts)
}

// DemoStage is how a demonstration starts the server.
func DemoStage(cfg config.Config, log *slog.Logger) func(ctx context.Context, owner, decider string) (*demo.Stockhold, error) {
	return func(ctx context.Context, owner, decider string) (*demo.Stockhold, error) {
		return startStage(ctx, cfg, owner, decider, log)
	}
}

// Holds of a demonstration last seconds, so its sweeper looks more often.
const (
	stageInterval = 200 * time.Millisecond
	stageBackoff  = time.Second
)

// stageConfig is the configuration with what a demonstration needs. The deciders
// that are configured stay: on stores that others use, this sweeper asks about
// their holds, too.
func stageConfig(cfg config.Config, owner, decider string) config.Config {
	deciders := config.Deciders{owner: decider}
	maps.Copy(deciders, cfg.Sweeper.Deciders)
	cfg.Sweeper.Deciders = deciders
	cfg.Sweeper.Enabled = true
	cfg.Sweeper.Interval = min(cfg.Sweeper.Interval, stageInterval)
	cfg.Sweeper.Backoff = min(cfg.Sweeper.Backoff, stageBackoff)
	cfg.Server.Listen = "127.0.0.1:0"
	cfg.Server.DrainDelay = 0
	return cfg
}

// startStage starts the server and, for embedded stores, makes the folder, which
// is removed when it stops.
func startStage(ctx context.Context, cfg config.Config, owner, decider string, log *slog.Logger) (_ *demo.Stockhold, err error) {
	cfg = stageConfig(cfg, owner, decider)
	tidy := func() error { return nil }
	if cfg.Stores.Embedded() {
		folder, err := os.MkdirTemp("", "stockhold-demo-")
		if err != nil {
			return nil, fmt.Errorf("make a folder for the demonstration: %w", err)
		}
		cfg.Stores.Data = folder
		tidy = func() error { return os.RemoveAll(folder) }
	}
	a := New(cfg, Options{Logger: log})
	if err := a.Start(ctx); err != nil {
		return nil, errors.Join(err, tidy())
	}
	return &demo.Stockhold{
		URL:    "http://" + a.Addr(),
		Stores: a.ledger.Kind() + " and " + gateKind(cfg.Stores),
		Audit: func(ctx context.Context) (audit.Report, error) {
			return audit.Run(ctx, audit.Deps{Ledger: a.ledger, Gate: a.gate}, audit.Options{})
		},
		Failed: a.Failed(),
		Stop:   func() error { return errors.Join(a.Stop(), tidy()) },
	}, nil
}

// gateKind names the gate as Kind does the ledger.
func gateKind(cfg config.Stores) string {
	if cfg.RedisURL == "" {
		return "an embedded gate"
	}
	return "Redis"
}
