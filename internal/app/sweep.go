package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"stockhold/internal/config"
	"stockhold/internal/store"
	"stockhold/internal/telemetry"
	"stockhold/inventory"
	"stockhold/reservation"
	"stockhold/sweeper"
	"stockhold/sweeper/decider"
)

// newSweeper makes a sweeper with the configured deciders. A nil gate is one
// that this process cannot reach. What it opens is closed with the parts.
func newSweeper(
	cfg config.Sweeper, ledger *store.Store, acts *reservation.Ledger, gate *inventory.Gate, parts *lifecycle, log *slog.Logger,
) (*sweeper.Sweeper, error) {
	deciders := make(map[string]sweeper.Decider, len(cfg.Deciders))
	for owner, address := range cfg.Deciders {
		client, err := decider.New(address, decider.Options{Timeout: cfg.DeciderTimeout})
		if err != nil {
			return nil, fmt.Errorf("make the decider of owner %s: %w", owner, err)
		}
		parts.onStop("the decider of "+owner, func(context.Context) error { return client.Close() })
		deciders[owner] = client
	}
	options := cfg.Options()
	options.Logger = log
	if gate == nil {
		return sweeper.New(ledger, acts, nil, deciders, options)
	}
	return sweeper.New(ledger, acts, gate, deciders, options)
}

// sweeping is a sweeper with all that it needs, running beside servers.
type sweeping struct {
	parts   *lifecycle
	stores  *Stores
	sweeper *sweeper.Sweeper
}

func startSweeping(ctx context.Context, cfg config.Config, log *slog.Logger) (*sweeping, error) {
	stores, err := OpenStores(ctx, cfg.Stores, log)
	if err != nil {
		return nil, err
	}
	s := &sweeping{parts: newLifecycle(), stores: stores}
	s.parts.onStop("the stores", func(context.Context) error { return stores.Close() })

	options := cfg.LedgerOptions()
	options.OnHandLimit = cfg.Limits.OnHand
	options.Logger = log
	ledger := reservation.NewLedger(stores.Ledger, stores.gateFor(), options)
	s.parts.background("the ledger", ledger.Run)

	s.sweeper, err = newSweeper(cfg.Sweeper, stores.Ledger, ledger, stores.Gate, s.parts, log)
	if err != nil {
		return nil, errors.Join(err, s.stop(cfg))
	}
	return s, nil
}

func (s *sweeping) stop(cfg config.Config) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience(cfg))
	defer cancel()
	return s.parts.stop(ctx)
}

// ErrSweepFailed: a sweep ended, and some of what it had to do could not be done.
var ErrSweepFailed = errors.New("the sweep left something undone")

// SweepOnce makes passes until nothing is due and tells what they did. The
// report holds what was done before an error, too; ErrSweepFailed says that
// something in it failed.
func SweepOnce(ctx context.Context, cfg config.Config, log *slog.Logger) (sweeper.Report, error) {
	s, err := startSweeping(ctx, cfg, log)
	if err != nil {
		return sweeper.Report{}, err
	}
	report, err := s.sweeper.RunOnce(ctx)
	if err != nil || report.Failed > 0 {
		err = errors.Join(fmt.Errorf("%w: %d failed", ErrSweepFailed, report.Failed), err)
	}
	return report, errors.Join(err, s.stop(cfg))
}

// SweepForever makes passes until ctx ends. Where an address is configured for
// it, it answers probes and Prometheus there.
func SweepForever(ctx context.Context, cfg config.Config, log *slog.Logger) error {
	s, err := startSweeping(ctx, cfg, log)
	if err != nil {
		return err
	}
	s.parts.background("the sweeper", s.sweeper.Run)
	address, err := s.watchOver(ctx, cfg.Sweeper.Listen, log)
	if err != nil {
		return errors.Join(err, s.stop(cfg))
	}
	log.Info("sweeping", "ledger", s.stores.Ledger.Where(), "interval", cfg.Sweeper.Interval,
		"deciders", cfg.Sweeper.Deciders.Owners(), "address", address, "version", telemetry.ReadBuild().Version)
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-s.parts.failed:
	}
	return errors.Join(failed, s.stop(cfg))
}

// watchOver answers probes and Prometheus at an address and returns it with the
// port that it got. An empty address is none.
func (s *sweeping) watchOver(ctx context.Context, address string, log *slog.Logger) (string, error) {
	if address == "" {
		return "", nil
	}
	metrics, err := telemetry.Install()
	if err != nil {
		return "", err
	}
	h := &health{ledger: s.stores.Ledger, metrics: metrics, log: log}
	web, err := newServer(ctx, address, readyPatience, h.mux(), log)
	if err != nil {
		return "", err
	}
	s.parts.background("the HTTP server", web.serve)
	s.parts.onStop("the HTTP server", func(context.Context) error {
		h.draining.Store(true)
		return web.drain(probePatience)
	})
	return web.listener.Addr().String(), nil
}

// probePatience is how long a probe may take to be answered by a sweeper that stops.
const probePatience = 5 * time.Second
