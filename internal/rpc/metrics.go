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
	"google.golang.org/protobuf/reflect/protoreflect"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// metrics counts what callers were answered. It reports to the global meter
// provider, and to nobody when there is none.
type metrics struct {
	calls    metric.Int64Counter
	items    metric.Int64Counter
	shed     metric.Int64Counter
	denied   metric.Int64Counter
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
	if m.calls, err = meter.Int64Counter("stockhold.rpc.calls", metric.WithUnit("{call}"),
		metric.WithDescription("Calls answered, by rpc, code, reason of the refusal, and whether it was a replay.")); err != nil {
		return nil, fmt.Errorf("make the counter of calls: %w", err)
	}
	if m.items, err = meter.Int64Counter("stockhold.rpc.batch.items", metric.WithUnit("{item}"),
		metric.WithDescription("Items of batch calls answered, by rpc, code, reason and whether it was a replay.")); err != nil {
		return nil, fmt.Errorf("make the counter of items: %w", err)
	}
	if m.shed, err = meter.Int64Counter("stockhold.rpc.shed", metric.WithUnit("{call}"),
		metric.WithDescription("Calls turned away unread because too many were under way.")); err != nil {
		return nil, fmt.Errorf("make the counter of calls turned away: %w", err)
	}
	if m.denied, err = meter.Int64Counter("stockhold.rpc.denied", metric.WithUnit("{call}"),
		metric.WithDescription("Calls refused unread for who made them, by reason: not known, not allowed, or too many of one caller.")); err != nil {
		return nil, fmt.Errorf("make the counter of calls denied: %w", err)
	}
	if m.duration, err = meter.Float64Histogram("stockhold.rpc.duration", metric.WithUnit("s"),
		metric.WithDescription("From the decoded request to the answer, by rpc and code."),
		metric.WithExplicitBucketBoundaries(.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10)); err != nil {
		return nil, fmt.Errorf("make the histogram of calls: %w", err)
	}
	m.countFromZero()
	return m, nil
}

// countFromZero shows the counters of trouble before there is any: an alert on what
// should never happen must see it go from 0 to 1.
func (m *metrics) countFromZero() {
	ctx := context.Background()
	m.shed.Add(ctx, 0)
	for _, reason := range []stockholdv1.Reason{
		stockholdv1.Reason_REASON_UNAUTHENTICATED, stockholdv1.Reason_REASON_PERMISSION_DENIED, stockholdv1.Reason_REASON_OVERLOADED,
	} {
		m.denied.Add(ctx, 0, m.denial(reason))
	}
	for _, file := range []protoreflect.FileDescriptor{
		stockholdv1.File_stockhold_v1_reservation_service_proto, stockholdv1.File_stockhold_v1_inventory_service_proto,
	} {
		rpcs := file.Services().Get(0).Methods()
		for i := range rpcs.Len() {
			for code, reason := range map[connect.Code]stockholdv1.Reason{
				connect.CodeInternal:          stockholdv1.Reason_REASON_INTERNAL,
				connect.CodeUnavailable:       stockholdv1.Reason_REASON_UNAVAILABLE,
				connect.CodeResourceExhausted: stockholdv1.Reason_REASON_OVERLOADED,
			} {
				m.calls.Add(ctx, 0, m.attributes(outcome{rpc: string(rpcs.Get(i).Name()), code: code, reason: reason}))
			}
		}
	}
}

// call counts and times one call.
func (m *metrics) call(ctx context.Context, began time.Time, o outcome) {
	m.calls.Add(ctx, 1, m.attributes(o))
	m.duration.Record(ctx, time.Since(began).Seconds(), m.timing(outcome{rpc: o.rpc, code: o.code}))
}

// deny counts one call that was refused for who made it.
func (m *metrics) deny(ctx context.Context, reason stockholdv1.Reason) {
	m.denied.Add(ctx, 1, m.denial(reason))
}

func (m *metrics) denial(reason stockholdv1.Reason) metric.MeasurementOption {
	return m.once(reason, func() []attribute.KeyValue {
		return []attribute.KeyValue{attribute.String("reason", reasonName(reason))}
	})
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
