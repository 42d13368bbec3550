package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"stockhold/internal/store"
)

// errDraining is why a server that was told to stop is not ready.
var errDraining = errors.New("draining: this server is about to stop")

var (
	errNoLedger = errors.New("the ledger does not answer")
	errReadOnly = errors.New("the ledger is read-only")
)

// readyPatience is how long the ledger may take to show that it answers.
const readyPatience = 2 * time.Second

// health answers those who watch over the process. They need not say who they are,
// and so must not be able to keep the ledger busy: however many ask, one of them does
// at a time, and the others hear what it heard.
type health struct {
	ledger   pinged
	draining atomic.Bool
	log      *slog.Logger
	asking   singleflight.Group
}

// pinged is what a probe asks: a *store.Store.
type pinged interface {
	Ping(ctx context.Context) error
}

// ready says whether work should be sent here: the ledger answers, and the
// process is not about to stop. The gate has no say: without it calls are slower,
// and answered all the same.
func (h *health) ready(ctx context.Context) error {
	if h.draining.Load() {
		return errDraining
	}
	_, err, _ := h.asking.Do("ledger", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyPatience) // it is for all who wait
		defer cancel()
		return nil, h.ledger.Ping(ctx)
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errNoLedger, err)
	}
	return nil
}

// mux serves /healthz (the process lives), /readyz and, unless it is nil, the page
// of metrics. Probes may ask without saying who they are, so they hear nothing of
// where things are: the log has that.
func (h *health) mux(metrics http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := h.ready(r.Context()); err != nil {
			h.log.Debug("not ready", "reason", err)
			say(w, http.StatusServiceUnavailable, "not ready: "+whyNotReady(err).Error())
			return
		}
		say(w, http.StatusOK, "ok")
	})
	if metrics != nil {
		mux.Handle("GET /metrics", metrics)
	}
	return mux
}

func whyNotReady(err error) error {
	switch {
	case errors.Is(err, errDraining):
		return errDraining
	case errors.Is(err, store.ErrReadOnly):
		return errReadOnly
	}
	return errNoLedger
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // the prober is gone: nobody to tell
}

// startAdmin answers probes and Prometheus on an address of their own.
func (a *App) startAdmin(ctx context.Context, metrics http.Handler) error {
	admin, err := newServer(ctx, serverOptions{address: a.cfg.Security.AdminListen, callTimeout: readyPatience}, a.health.mux(metrics), a.log)
	if err != nil {
		return err
	}
	a.admin = admin
	a.parts.background("the HTTP server for metrics", admin.serve)
	a.parts.onStop("the HTTP server for metrics", func(context.Context) error { return admin.drain(probePatience) })
	return nil
}
