package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"stockhold/internal/config"
	"stockhold/internal/operator"
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
	Reload Reload       // how the configuration is read again while the server runs
}

// App is one server. Start it once, and stop it, also after a start that failed.
type App struct {
	cfg     config.Config // as it was at the start: reloads has what is in force
	log     *slog.Logger
	banner  io.Writer
	reload  Reload
	reloads *reloads
	parts   *lifecycle

	security *security
	ledger   *store.Store
	gate     *inventory.Gate
	service  *reservation.Service
	health   *health
	server   *server
	admin    *server // nil: metrics are on the same address as calls
}

// New makes a server of a complete configuration. It opens nothing yet.
func New(cfg config.Config, opts Options) *App {
	a := &App{cfg: cfg, log: opts.Logger, banner: opts.Banner, reload: opts.Reload, parts: newLifecycle()}
	if a.log == nil {
		a.log = slog.Default()
	}
	return a
}

// Serve runs a server until ctx ends or a part of it fails, and stops it.
func Serve(ctx context.Context, cfg config.Config, opts Options) error {
	a := New(cfg, opts)
	TuneRuntime(a.log)
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
	installed, err := telemetry.Install()
	if err != nil {
		return err
	}
	a.parts.onStop("what is left of traces and metrics", flush(installed, a.log))
	if a.reloads, err = newReloads(a.cfg, a.reload, a.log); err != nil {
		return err
	}
	if err := a.startSecurity(ctx); err != nil {
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
	a.reloads.addLog(a.service.Ledger())
	// After the sweeper: by the time that a Try may be ASK, its owner can be asked.
	a.reloads.add("the rules of calls", func(next config.Config) (reloadChange, error) {
		return reloadChange{apply: func() { a.service.SetRules(rules(next)) }}, nil
	})
	if err := a.startServer(ctx, installed); err != nil {
		return err
	}
	a.announce()
	return a.reloads.start(a.parts)
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
	rules := rules(cfg)
	return reservation.New(ledger, gate, reservation.Options{
		Limits:      rules.Limits,
		Ledger:      cfg.LedgerOptions(),
		CallTimeout: cfg.Server.CallTimeout,
		Late:        late,
		MaxStopped:  max(1, cfg.Server.MaxCalls/2),
		HasDecider:  rules.HasDecider,
		Logger:      log,
	})
}

// rules are what calls are judged by.
func rules(cfg config.Config) reservation.Rules {
	return reservation.Rules{Limits: cfg.Limits.Domain(), HasDecider: cfg.Sweeper.HasDecider}
}

func (a *App) startSweeper() error {
	if !a.cfg.Sweeper.Enabled {
		return a.watchUndecided()
	}
	asked := &deciders{trust: a.security.decider}
	a.parts.onStop("the deciders", asked.close)
	s, err := newSweeper(a.cfg.Sweeper, a.ledger, a.service.Ledger(), a.gate, asked, a.log)
	if err != nil {
		return err
	}
	a.reloads.addSweeper(s, asked)
	a.parts.background("the sweeper", s.Run)
	return nil
}

func (a *App) startServer(ctx context.Context, installed *telemetry.Telemetry) error {
	a.health = &health{ledger: a.ledger, log: a.log}
	limit, holdings := a.startQuotas()
	calls, err := rpc.Handler(a.service, rpc.Options{
		Admit:        a.security.admit(),
		CallerLimit:  a.security.callerLimit,
		OwnerLimit:   limit,
		Holdings:     holdings,
		MaxBodyBytes: int(a.cfg.Server.BodyLimit),
		MaxCalls:     a.cfg.Server.MaxCalls,
		Ready:        a.health.ready,
		Trace:        installed.Traces,
		Operator:     operator.New(a.service, a.ledger, a.gate, operator.Options{CallTimeout: a.cfg.Server.CallTimeout, Logger: a.log}),
		Logger:       a.log,
	})
	if err != nil {
		return fmt.Errorf("make the handlers: %w", err)
	}
	page := a.security.guard(installed.Metrics)
	if a.cfg.Security.AdminListen != "" {
		if err := a.startAdmin(ctx, installed.Metrics); err != nil {
			return err
		}
		page = nil
	}
	mux := a.health.mux(page)
	mux.Handle("/", calls)
	a.server, err = newServer(ctx, serverOptions{
		address: a.cfg.Server.Listen, callTimeout: a.cfg.Server.CallTimeout,
		connections: a.cfg.Security.Connections, tls: a.security.tls(),
	}, mux, a.log)
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

// AdminAddr is where metrics are served apart from calls, "" where they are not.
func (a *App) AdminAddr() string {
	if a.admin == nil {
		return ""
	}
	return a.admin.listener.Addr().String()
}

// Failed tells when a part of the server ended by itself, and why. The server is
// of no use then: stop it.
func (a *App) Failed() <-chan error { return a.parts.failed }

// Stop answers the calls under way and ends everything, within the times that
// the configuration gives. Further calls wait for the first, and return the same.
func (a *App) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), StopPatience(a.cfg))
	defer cancel()
	return a.parts.stop(ctx)
}

// stopSlack is how long a stop may take beyond what the configuration grants the
// calls and the last transactions.
const stopSlack = 15 * time.Second

// StopPatience is the longest that a stop may take, for whoever kills what does
// not end. A transaction whose COMMIT got no reply is run again for twice its time.
func StopPatience(cfg config.Config) time.Duration {
	return cfg.Server.DrainDelay + cfg.Server.DrainTimeout + 3*cfg.Ledger.BatchTimeout + stopSlack
}
