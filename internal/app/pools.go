package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"stockhold/internal/store"
	"stockhold/inventory"
)

// pools are the instruments about connections to the stores. Those that begin with
// db are OpenTelemetry's own names, which dashboards of others know.
type pools struct {
	count, most     metric.Int64ObservableUpDownCounter
	waits, timeouts metric.Int64ObservableCounter
	waited          metric.Float64ObservableCounter
	ledger          *store.Store
	gate            *inventory.Gate // nil: out of reach
}

// watchPools tells how the pools are used, whenever somebody asks.
func watchPools(parts *lifecycle, ledger *store.Store, gate *inventory.Gate) error {
	meter := otel.Meter("stockhold/app")
	p := &pools{ledger: ledger, gate: gate}
	var errs [5]error
	p.count, errs[0] = meter.Int64ObservableUpDownCounter("db.client.connection.count", metric.WithUnit("{connection}"),
		metric.WithDescription("Open connections to a store, by pool and state: idle, used."))
	p.most, errs[1] = meter.Int64ObservableUpDownCounter("db.client.connection.max", metric.WithUnit("{connection}"),
		metric.WithDescription("Connections that a pool may have open."))
	p.timeouts, errs[2] = meter.Int64ObservableCounter("db.client.connection.timeouts", metric.WithUnit("{timeout}"),
		metric.WithDescription("Commands that waited for a connection in vain."))
	p.waits, errs[3] = meter.Int64ObservableCounter("stockhold.store.pool.waits", metric.WithUnit("{wait}"),
		metric.WithDescription("Statements and commands that had to wait for a connection."))
	p.waited, errs[4] = meter.Float64ObservableCounter("stockhold.store.pool.wait.time", metric.WithUnit("s"),
		metric.WithDescription("How long they waited, together."))
	if err := errors.Join(errs[:]...); err != nil {
		return fmt.Errorf("make the metrics of the pools: %w", err)
	}
	reading, err := meter.RegisterCallback(p.observe, p.count, p.most, p.timeouts, p.waits, p.waited)
	if err != nil {
		return fmt.Errorf("make the metrics of the pools: %w", err)
	}
	parts.onStop("the metrics of the pools", func(context.Context) error { return reading.Unregister() })
	return nil
}

func (p *pools) observe(_ context.Context, o metric.Observer) error {
	stats, err := p.ledger.Pools()
	if err != nil {
		return err
	}
	for name, s := range stats {
		p.pool(o, name, s.Idle, s.InUse, s.MaxOpenConnections, s.WaitCount, s.WaitDuration)
	}
	if p.gate != nil {
		s := p.gate.Pool()
		p.pool(o, "gate", s.Idle, s.Total-s.Idle, s.Most, s.Waits, s.Waited)
		o.ObserveInt64(p.timeouts, s.Timeouts, metric.WithAttributes(poolName("gate")))
	}
	return nil
}

func (p *pools) pool(o metric.Observer, name string, idle, used, most int, waits int64, waited time.Duration) {
	pool := poolName(name)
	state := func(s string) metric.MeasurementOption {
		return metric.WithAttributes(pool, attribute.String("db.client.connection.state", s))
	}
	o.ObserveInt64(p.count, int64(idle), state("idle"))
	o.ObserveInt64(p.count, int64(used), state("used"))
	o.ObserveInt64(p.most, int64(most), metric.WithAttributes(pool))
	o.ObserveInt64(p.waits, waits, metric.WithAttributes(pool))
	o.ObserveFloat64(p.waited, waited.Seconds(), metric.WithAttributes(pool))
}

func poolName(name string) attribute.KeyValue {
	return attribute.String("db.client.connection.pool.name", name)
}
