package app

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// watchInterval is how often the stores' settings are looked at. They change
// when somebody changes them, or when a store fails over to another machine.
const watchInterval = time.Minute

// watchPatience bounds one look at one store.
const watchPatience = 2 * time.Second

// watched is a store whose settings may weaken what stockhold promises, or slow
// it down. None of that is a reason not to serve.
type watched struct {
	name     string
	warnings func(context.Context) ([]string, error)
	count    atomic.Int64
	said     map[string]bool
}

// look reads the warnings, and logs those that were not there at the last look.
// A store that does not answer keeps those it had: that it is away is known
// from elsewhere.
func (w *watched) look(ctx context.Context, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, watchPatience)
	defer cancel()
	warnings, err := w.warnings(ctx)
	if err != nil {
		log.Debug("the settings of a store could not be looked at", "store", w.name, "error", err)
		return
	}
	now := make(map[string]bool, len(warnings))
	for _, warning := range warnings {
		now[warning] = true
		if !w.said[warning] {
			log.Warn(warning, "store", w.name)
		}
	}
	w.said = now
	w.count.Store(int64(len(warnings)))
}

// measure begins to watch the stores and to tell how busy the ledger is.
func (a *App) measure(ctx context.Context) error {
	stores := []*watched{{name: "ledger", warnings: a.ledger.Warnings}}
	if a.cfg.Stores.RedisURL != "" {
		stores = append(stores, &watched{name: "gate", warnings: a.gate.Warnings})
	}
	look := func(ctx context.Context) {
		for _, w := range stores {
			w.look(ctx, a.log)
		}
	}
	look(ctx) // what is wrong is said before anything is served
	a.parts.background("the watch over the stores", func(ctx context.Context) error {
		every(ctx, watchInterval, look)
		return nil
	})
	if err := watchStores(a.parts, a.ledger, a.gate, a.log); err != nil {
		return err
	}
	return a.gauges(stores)
}

func (a *App) gauges(stores []*watched) error {
	meter := otel.Meter("stockhold/app")
	warnings, err := meter.Int64ObservableGauge("stockhold.store.warnings", metric.WithUnit("{setting}"),
		metric.WithDescription("Settings of a store that weaken or slow it, by store. The log names them."))
	if err != nil {
		return fmt.Errorf("make the server's metrics: %w", err)
	}
	depth, err := meter.Int64ObservableGauge("stockhold.ledger.queue.depth", metric.WithUnit("{line}"),
		metric.WithDescription("Lines that wait for a transaction."))
	if err != nil {
		return fmt.Errorf("make the server's metrics: %w", err)
	}
	limit, err := meter.Int64ObservableGauge("stockhold.ledger.queue.limit", metric.WithUnit("{line}"),
		metric.WithDescription("Lines that may wait for a transaction; calls beyond are refused."))
	if err != nil {
		return fmt.Errorf("make the server's metrics: %w", err)
	}
	reading, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(depth, int64(a.service.Ledger().Depth()))
		o.ObserveInt64(limit, int64(a.cfg.Ledger.QueueLines))
		for _, w := range stores {
			o.ObserveInt64(warnings, w.count.Load(), metric.WithAttributes(attribute.String("store", w.name)))
		}
		return nil
	}, warnings, depth, limit)
	if err != nil {
		return fmt.Errorf("make the server's metrics: %w", err)
	}
	a.parts.onStop("the metrics", func(context.Context) error { return reading.Unregister() })
	return nil
}

// every does something again and again until ctx ends.
func every(ctx context.Context, interval time.Duration, do func(context.Context)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do(ctx)
		}
	}
}
