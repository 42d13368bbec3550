package inventory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sony/gobreaker/v2"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// metrics are the gate's instruments. What the gate lets through, sheds and
// cannot answer is the first thing to look at when the ledger gets more, or
// fewer, calls than expected.
type metrics struct {
	freezes metric.Int64Counter
	errors  metric.Int64Counter
	breaker metric.Int64Gauge
	trips   metric.Float64Histogram
	dropped metric.Int64Counter

	outcomes [Away + 1]metric.AddOption // by Outcome; made once, for the hot path
	scripts  map[string]metric.RecordOption
}

func newMetrics() (*metrics, error) {
	meter := otel.Meter("stockhold/inventory")
	m := &metrics{scripts: map[string]metric.RecordOption{}}
	var errs [5]error
	m.freezes, errs[0] = meter.Int64Counter("stockhold.gate.freezes", metric.WithUnit("{hold}"),
		metric.WithDescription("Holds asked of the gate, by outcome."))
	m.errors, errs[1] = meter.Int64Counter("stockhold.gate.errors", metric.WithUnit("{call}"),
		metric.WithDescription("Calls that got no usable answer, by call and kind: away, caller (it stopped waiting), broken (the reply makes no sense)."))
	m.breaker, errs[2] = meter.Int64Gauge("stockhold.gate.breaker",
		metric.WithDescription("The breaker in front of the gate: 0 closed, 1 half-open, 2 open."))
	m.trips, errs[3] = meter.Float64Histogram("stockhold.gate.script.duration", metric.WithUnit("s"),
		metric.WithDescription("Round trips to Redis, by script."),
		metric.WithExplicitBucketBoundaries(.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1))
	m.dropped, errs[4] = meter.Int64Counter("stockhold.gate.dropped", metric.WithUnit("{row}"),
		metric.WithDescription("Gate rows dropped because they contradicted the ledger."))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("make the gate's metrics: %w", err)
	}
	for outcome := range m.outcomes {
		m.outcomes[outcome] = metric.WithAttributeSet(attribute.NewSet(
			attribute.String("outcome", Outcome(outcome).String())))
	}
	for _, name := range []string{"freeze", "settle", "drop", "reclaim"} {
		m.scripts[name] = metric.WithAttributeSet(attribute.NewSet(attribute.String("script", name)))
	}
	m.breakerChanged(gobreaker.StateClosed)
	m.countFromZero()
	return m, nil
}

// countFromZero shows the counters before anything has happened: an alert on what
// should never happen must see it go from 0 to 1.
func (m *metrics) countFromZero() {
	ctx := context.Background()
	for _, outcome := range m.outcomes {
		m.freezes.Add(ctx, 0, outcome)
	}
	m.dropped.Add(ctx, 0)
	for _, call := range []string{"freeze", "settle"} {
		for _, kind := range []string{"away", "caller", "broken"} {
			m.errors.Add(ctx, 0, metric.WithAttributes(attribute.String("call", call), attribute.String("kind", kind)))
		}
	}
}

func (m *metrics) frozen(ctx context.Context, counts [Away + 1]int64) {
	for outcome, count := range counts {
		if count > 0 {
			m.freezes.Add(ctx, count, m.outcomes[outcome])
		}
	}
}

func (m *metrics) failed(ctx context.Context, call string, err error) {
	kind := "broken"
	switch {
	case err == nil:
		return
	case errors.Is(err, errCallerGone):
		kind = "caller"
	case errors.Is(err, ErrAway):
		kind = "away"
	}
	m.errors.Add(ctx, 1, metric.WithAttributes(attribute.String("call", call), attribute.String("kind", kind)))
}

func (m *metrics) tripped(ctx context.Context, s script, start time.Time) {
	m.trips.Record(ctx, time.Since(start).Seconds(), m.scripts[s.name])
}

func (m *metrics) breakerChanged(to gobreaker.State) {
	m.breaker.Record(context.Background(), int64(to))
}
