package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"stockhold/internal/config"
	"stockhold/internal/store"
	"stockhold/internal/telemetry"
	"stockhold/inventory"
	"stockhold/reservation"
	"stockhold/sweeper"
)

// newSweeper makes a sweeper with the configured deciders. A nil gate is one
// that this process cannot reach.
func newSweeper(
	cfg config.Sweeper, ledger *store.Store, acts *reservation.Ledger, gate *inventory.Gate, asked *deciders, log *slog.Logger,
) (*sweeper.Sweeper, error) {
	clients, _, err := asked.of(cfg)
	if err != nil {
		return nil, err
	}
	options := cfg.Options()
	options.Logger = log
	if gate == nil {
		return sweeper.New(ledger, acts, nil, clients, options)
	}
	return sweeper.New(ledger, acts, gate, clients, options)
}

// sweeping is a sweeper with all that it needs, running beside servers.
type sweeping struct {
	parts    *lifecycle
	metrics  http.Handler
	stores   *Stores
	security *security
	asked    *deciders
	ledger   *reservation.Ledger
	sweeper  *sweeper.Sweeper
}

func startSweeping(ctx context.Context, cfg config.Config, listens bool, log *slog.Logger) (*sweeping, error) {
	installed, err := telemetry.Install()
	if err != nil {
		return nil, err
	}
	guards, err := newSecurity(cfg, listens, log)
	if err != nil {
		return nil, err
	}
	stores, err := OpenStores(ctx, cfg.Stores, log)
	if err != nil {
		return nil, err
	}
	s := &sweeping{parts: newLifecycle(), metrics: installed.Metrics, stores: stores, security: guards, asked: &deciders{trust: guards.decider}}
	s.parts.onStop("what is left of traces and metrics", flush(installed, log))
	guards.start(ctx, s.parts, log)
	s.parts.onStop("the stores", func(context.Context) error { return stores.Close() })

	if err := watchStores(s.parts, stores.Ledger, stores.Gate, log); err != nil {
		return nil, errors.Join(err, s.stop(cfg))
	}
	options := cfg.LedgerOptions()
	options.OnHandLimit = cfg.Limits.OnHand
	options.Logger = log
	ledger := reservation.NewLedger(stores.Ledger, stores.gateFor(), options)
	s.ledger = ledger
	s.parts.background("the ledger", ledger.Run)

	s.parts.onStop("the deciders", s.asked.close)
	s.sweeper, err = newSweeper(cfg.Sweeper, stores.Ledger, ledger, stores.Gate, s.asked, log)
	if err != nil {
		return nil, errors.Join(err, s.stop(cfg))
	}
	return s, nil
}

func (s *sweeping) stop(cfg config.Config) error {
	ctx, cancel := context.WithTimeout(context.Background(), StopPatience(cfg))
	defer cancel()
	return s.parts.stop(ctx)
}

// ErrSweepFailed: a sweep ended, and some of what it had to do could not be done.
var ErrSweepFailed = errors.New("the sweep left something undone")

// SweepOnce makes passes until nothing is due and tells what they did. The
// report holds what was done before an error, too; ErrSweepFailed says that
// something in it failed.
func SweepOnce(ctx context.Context, cfg config.Config, log *slog.Logger) (sweeper.Report, error) {
	s, err := startSweeping(ctx, cfg, false, log)
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
// it, it answers probes and Prometheus there. Of the options it uses Logger and
// Reload.
func SweepForever(ctx context.Context, cfg config.Config, opts Options) error {
	log := opts.Logger
	if cfg.Sweeper.Listen != "" {
		if err := checkListen(cfg.Security, "sweep-listen", cfg.Sweeper.Listen, log); err != nil {
			return err
		}
	}
	reloads, err := newReloads(cfg, opts.Reload, log)
	if err != nil {
		return err
	}
	s, err := startSweeping(ctx, cfg, cfg.Sweeper.Listen != "", log)
	if err != nil {
		return err
	}
	reloads.add("certificates and policies", s.security.prepareReload)
	reloads.addSweeper(s.sweeper, s.asked)
	reloads.addLog(s.ledger)
	s.parts.background("the sweeper", s.sweeper.Run)
	address, err := s.watchOver(ctx, cfg.Sweeper.Listen, log)
	if err == nil {
		err = reloads.start(s.parts)
	}
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
	h := &health{ledger: s.stores.Ledger, log: log}
	options := serverOptions{address: address, callTimeout: readyPatience, connections: s.security.cfg.Connections, tls: s.security.tls()}
	web, err := newServer(ctx, options, h.mux(s.security.guard(s.metrics)), log)
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
