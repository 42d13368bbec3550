package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"stockhold/internal/store"
	"stockhold/inventory"
)

// statusInterval is how often the ledger is asked how it is. A read-only one does
// not show otherwise until somebody wants to write.
const statusInterval = 5 * time.Second

// The states of the ledger, as far as this process sees them.
const (
	ledgerOK       = "ok"
	ledgerReadOnly = "read_only"
	ledgerAway     = "away"
)

// watchStores tells of the pools, and of the state that the ledger is in.
func watchStores(parts *lifecycle, ledger *store.Store, gate *inventory.Gate, log *slog.Logger) error {
	if err := watchPools(parts, ledger, gate); err != nil {
		return err
	}
	var state atomic.Value
	look := func(ctx context.Context) {
		now := stateOf(ctx, ledger)
		if ctx.Err() != nil {
			return // it was not asked to the end
		}
		if before := state.Swap(now); before != nil && before != now {
			log.Warn("the ledger's state changed", "from", before, "to", now)
		}
	}
	state.Store(ledgerOK) // it was just opened
	meter := otel.Meter("stockhold/app")
	gauge, err := meter.Int64ObservableGauge("stockhold.ledger.status",
		metric.WithDescription("1 for the state that the ledger is in, 0 for the others: ok, read_only, away."))
	if err != nil {
		return fmt.Errorf("make the metric of the ledger's state: %w", err)
	}
	reading, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for _, s := range []string{ledgerOK, ledgerReadOnly, ledgerAway} {
			var is int64
			if s == state.Load() {
				is = 1
			}
			o.ObserveInt64(gauge, is, metric.WithAttributes(attribute.String("state", s)))
		}
		return nil
	}, gauge)
	if err != nil {
		return fmt.Errorf("make the metric of the ledger's state: %w", err)
	}
	parts.onStop("the metric of the ledger's state", func(context.Context) error { return reading.Unregister() })
	parts.background("the watch over the ledger's state", func(ctx context.Context) error {
		look(ctx)
		every(ctx, statusInterval, look)
		return nil
	})
	return nil
}

func stateOf(ctx context.Context, ledger *store.Store) string {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	switch err := ledger.Ping(ctx); {
	case err == nil:
		return ledgerOK
	case errors.Is(err, store.ErrReadOnly):
		return ledgerReadOnly
	default:
		return ledgerAway
	}
}
