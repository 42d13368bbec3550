package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"stockhold/internal/config"
	"stockhold/internal/rpc"
	"stockhold/internal/store"
	"stockhold/internal/telemetry"
	"stockhold/inventory"
	"stockhold/reservation"
)

// Options are what a server needs beside its configuration.
type Options struct {
	Logger *slog.Logger // default slog.Default()
	Banner io.Writer    // where a start tells people how to begin; nil: nowhere
}

// App is one server. Start it once, and stop it, also after a start that failed.
type App struct {
	cfg    config.Config
	log    *slog.Logger
	banner io.Writer
	parts  *lifecycle

	ledger  *store.Store
	gate    *inventory.Gate
	service *reservation.Service
	health  *health
	server  *server
}

// New makes a server of a complete configuration. It opens nothing yet.
func New(cfg config.Config, opts Options) *App {
	a := &App{cfg: cfg, log: opts.Logger, banner: opts.Banner, parts: newLifecycle()}
	if a.log == nil {
		a.log = slog.Default()
	}
	return a
}

// Serve runs a server until ctx ends or a part of it fails, and stops it.
func Serve(ctx context.Context, cfg config.Config, opts Options) error {
	a := New(cfg, opts)
	tuneRuntime(a.log)
	if err := a.Start(ctx); err != nil {
		return err
	}
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-a.Failed():
		a.log.Error("the server fails", "error", failed)
	}
	err := errors.Join(failed, a.Stop())
	if err == nil {
		a.log.Info("stopped")
	}
	return err
}

// Start returns once calls are served. ctx bounds the start, not the server. A
// start that fails leaves nothing behind.
func (a *App) Start(ctx context.Context) error {
	if err := a.start(ctx); err != nil {
		return errors.Join(err, a.Stop())
	}
	return nil
}

func (a *App) start(ctx context.Context) error {
	metrics, err := telemetry.Install()
	if err != nil {
		return err
	}
	if err := a.openStores(ctx); err != nil {
		return err
	}
	beat := &pulse{}
	a.parts.background("the pulse", beat.run)
	a.service = newService(a.cfg, a.ledger, a.gate, beat.Late, a.log)
	a.parts.background("the service", a.service.Run)
	if err := a.measure(ctx); err != nil {
		return err
	}
	if err := a.startSweeper(); err != nil {
		return err
	}
	if err := a.startServer(ctx, metrics); err != nil {
		return err
	}
	a.announce()
	return nil
}

// openStores takes the data folder, opens ledger and gate, and sees that the
// schema is right. The gate may be away; the ledger must answer.
func (a *App) openStores(ctx context.Context) error {
	cfg := a.cfg.Stores
	if cfg.Embedded() {
		lock, err := lockFolder(cfg.Data)
		if err != nil {
			return err
		}
		a.parts.onStop("the lock on the data folder", func(context.Context) error { return lock.Unlock() })
	}
	ledger, err := openLedger(cfg, ownLedger)
	if err != nil {
		return err
	}
	a.ledger = ledger
	a.parts.onStop("the ledger's database", func(context.Context) error { return ledger.Close() })
	if err := awaitLedger(ctx, ledger, cfg.MySQLWait, a.log); err != nil {
		return err
	}
	if err := prepare(ctx, ledger, a.cfg.Server.Migrate || cfg.Embedded(), a.log); err != nil {
		return err
	}
	gate, err := openGate(cfg, a.log)
	if err != nil {
		return err
	}
	a.gate = gate
	a.parts.onStop("the gate", func(context.Context) error { return gate.Close() })
	if err := gate.Ping(ctx); err != nil {
		a.log.Warn("the gate does not answer: until it does, the ledger decides alone", "gate", gateName(cfg), "error", err)
	}
	return nil
}

func newService(cfg config.Config, ledger *store.Store, gate reservation.Gate, late func() time.Duration, log *slog.Logger) *reservation.Service {
	return reservation.New(ledger, gate, reservation.Options{
		Limits:      cfg.Limits.Domain(),
		Ledger:      cfg.LedgerOptions(),
		CallTimeout: cfg.Server.CallTimeout,
		Late:        late,
		MaxStopped:  max(1, cfg.Server.MaxCalls/2),
		HasDecider:  cfg.Sweeper.HasDecider,
		Logger:      log,
	})
}

func (a *App) startSweeper() error {
	if !a.cfg.Sweeper.Enabled {
		return a.watchUndecided()
	}
	s, err := newSweeper(a.cfg.Sweeper, a.ledger, a.service.Ledger(), a.gate, a.parts, a.log)
	if err != nil {
		return err
	}
	a.parts.background("the sweeper", s.Run)
	return nil
}

func (a *App) startServer(ctx context.Context, metrics http.Handler) error {
	a.health = &health{ledger: a.ledger, metrics: metrics, log: a.log}
	calls, err := rpc.Handler(a.service, rpc.Options{
		MaxBodyBytes: int(a.cfg.Server.BodyLimit),
		MaxCalls:     a.cfg.Server.MaxCalls,
		Ready:        a.health.ready,
		Logger:       a.log,
	})
	if err != nil {
		return fmt.Errorf("make the handlers: %w", err)
	}
	mux := a.health.mux()
	mux.Handle("/", calls)
	a.server, err = newServer(ctx, a.cfg.Server.Listen, a.cfg.Server.CallTimeout, mux, a.log)
	if err != nil {
		return err
	}
	a.parts.background("the HTTP server", a.server.serve)
	a.parts.onStop("the HTTP server", a.drain)
	return nil
}

// drain lets load balancers see that this server is about to stop, and then the
// calls under way be answered.
func (a *App) drain(ctx context.Context) error {
	a.log.Info("draining", "calls", a.server.calls.Load(),
		"delay", a.cfg.Server.DrainDelay, "timeout", a.cfg.Server.DrainTimeout)
	a.health.draining.Store(true)
	delay := time.NewTimer(a.cfg.Server.DrainDelay)
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-ctx.Done():
	}
	return a.server.drain(a.cfg.Server.DrainTimeout)
}

// Addr is where the server listens, with the port that it got. Only after Start.
func (a *App) Addr() string { return a.server.listener.Addr().String() }

// Failed tells when a part of the server ended by itself, and why. The server is
// of no use then: stop it.
func (a *App) Failed() <-chan error { return a.parts.failed }

// Stop answers the calls under way and ends everything, within the times that
// the configuration gives. Further calls wait for the first, and return the same.
func (a *App) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience(a.cfg))
	defer cancel()
	return a.parts.stop(ctx)
}

// stopSlack is how long a stop may take beyond what the configuration grants the
// calls and the last transactions.
const stopSlack = 15 * time.Second

// stopPatience bounds a stop. A transaction whose COMMIT got no reply is run
// again for twice its time.
func stopPatience(cfg config.Config) time.Duration {
	return cfg.Server.DrainDelay + cfg.Server.DrainTimeout + 3*cfg.Ledger.BatchTimeout + stopSlack
}
