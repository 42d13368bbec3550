package rpc

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// metrics counts what callers were answered. It reports to the global meter
// provider, and to nobody when there is none.
type metrics struct {
	calls    metric.Int64Counter
	items    metric.Int64Counter
	shed     metric.Int64Counter
	duration metric.Float64Histogram
	known    sync.Map // outcome -> metric.MeasurementOption: attributes are dear to make
}

// outcome is what an answer is counted under.
type outcome struct {
	rpc      string
	code     connect.Code // 0: OK
	reason   stockholdv1.Reason
	replayed bool
}

func newMetrics() (*metrics, error) {
	meter := otel.Meter("stockhold/rpc")
	m := &metrics{}
	var err error
	if m.calls, err = meter.Int64Counter("stockhold.rpc.calls",
		metric.WithDescription("Calls answered, by rpc, code, reason of the refusal, and whether it was a replay.")); err != nil {
		return nil, fmt.Errorf("make the counter of calls: %w", err)
	}
	if m.items, err = meter.Int64Counter("stockhold.rpc.batch.items",
		metric.WithDescription("Items of batch calls answered, by rpc, code, reason and whether it was a replay.")); err != nil {
		return nil, fmt.Errorf("make the counter of items: %w", err)
	}
	if m.shed, err = meter.Int64Counter("stockhold.rpc.shed",
		metric.WithDescription("Calls turned away unread because too many were under way.")); err != nil {
		return nil, fmt.Errorf("make the counter of calls turned away: %w", err)
	}
	if m.duration, err = meter.Float64Histogram("stockhold.rpc.duration", metric.WithUnit("s"),
		metric.WithDescription("From the decoded request to the answer, by rpc and code."),
		metric.WithExplicitBucketBoundaries(.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10)); err != nil {
		return nil, fmt.Errorf("make the histogram of calls: %w", err)
	}
	return m, nil
}

// call counts and times one call.
func (m *metrics) call(ctx context.Context, began time.Time, o outcome) {
	m.calls.Add(ctx, 1, m.attributes(o))
	m.duration.Record(ctx, time.Since(began).Seconds(), m.timing(outcome{rpc: o.rpc, code: o.code}))
}

// item counts one item of a batch.
func (m *metrics) item(ctx context.Context, o outcome) { m.items.Add(ctx, 1, m.attributes(o)) }

func (m *metrics) attributes(o outcome) metric.MeasurementOption {
	return m.once(o, func() []attribute.KeyValue {
		return []attribute.KeyValue{
			attribute.String("rpc", o.rpc),
			attribute.String("code", codeName(o.code)),
			attribute.String("reason", reasonName(o.reason)),
			attribute.Bool("replayed", o.replayed),
		}
	})
}

// timed keeps the histogram's attributes apart from the counters'.
type timed outcome

func (m *metrics) timing(o outcome) metric.MeasurementOption {
	return m.once(timed(o), func() []attribute.KeyValue {
		return []attribute.KeyValue{attribute.String("rpc", o.rpc), attribute.String("code", codeName(o.code))}
	})
}

func (m *metrics) once(key any, attributes func() []attribute.KeyValue) metric.MeasurementOption {
	if option, ok := m.known.Load(key); ok {
		return option.(metric.MeasurementOption)
	}
	option, _ := m.known.LoadOrStore(key, metric.WithAttributeSet(attribute.NewSet(attributes()...)))
	return option.(metric.MeasurementOption)
}

func codeName(code connect.Code) string {
	if code == 0 {
		return "ok"
	}
	return code.String()
}

func reasonName(reason stockholdv1.Reason) string {
	if reason == stockholdv1.Reason_REASON_UNSPECIFIED {
		return ""
	}
	return strings.TrimPrefix(reason.String(), "REASON_")
}
