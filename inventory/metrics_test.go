package inventory

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"stockhold/internal/testservers"
)

func TestMetrics(t *testing.T) {
	before := otel.GetMeterProvider()
	reader := metric.NewManualReader()
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))
	t.Cleanup(func() { otel.SetMeterProvider(before) })

	server := testservers.NewRedis(t, testservers.RedisOptions{})
	g := openGate(t, server.URL())
	ctx := t.Context()
	one := []Hold{hold("1", line("apple", 1))}
	g.Freeze(ctx, one) // not loaded
	require.NoError(t, g.Settle(ctx, []View{view("apple", 1, 1), view("pear", 1, 1)}, nil))
	g.Freeze(ctx, append(one, hold("2", line("apple", 1)))) // frozen, insufficient
	g.Freeze(ctx, one)                                      // duplicate
	_, err := g.Drop(ctx, []View{view("pear", 1, 1), view("apple", 0, 2)})
	require.NoError(t, err)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	g.Freeze(gone, one)
	require.NoError(t, g.client.Set(ctx, g.keys.row(key("fig")), "a stranger's", 0).Err())
	g.Freeze(ctx, []Hold{hold("3", line("fig", 1))})
	require.NoError(t, server.Kill())
	for range breakerFailures {
		require.Error(t, g.Settle(ctx, nil, []HoldID{id("1")}))
	}

	require.Equal(t, []string{
		"stockhold.gate.breaker 2",
		"stockhold.gate.dropped 1",
		"stockhold.gate.errors call=freeze,kind=broken 1",
		"stockhold.gate.errors call=freeze,kind=caller 1",
		"stockhold.gate.errors call=settle,kind=away 3",
		"stockhold.gate.freezes outcome=away 2",
		"stockhold.gate.freezes outcome=duplicate 1",
		"stockhold.gate.freezes outcome=frozen 1",
		"stockhold.gate.freezes outcome=insufficient 1",
		"stockhold.gate.freezes outcome=not_loaded 1",
		"stockhold.gate.script.duration script=drop 1",
		"stockhold.gate.script.duration script=freeze 4",
		"stockhold.gate.script.duration script=settle 4",
	}, collect(t, reader))
}

// collect lists the gate's instruments with their attributes and what they count.
func collect(t *testing.T, reader metric.Reader) []string {
	t.Helper()
	var data metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &data))
	var lines []string
	add := func(name string, attributes attribute.Set, value any) {
		if value == int64(0) { // some are shown from the start
			return
		}
		text := attributes.Encoded(attribute.DefaultEncoder())
		if text != "" {
			text = " " + text
		}
		lines = append(lines, fmt.Sprintf("%s%s %v", name, text, value))
	}
	for _, scope := range data.ScopeMetrics {
		require.Equal(t, "stockhold/inventory", scope.Scope.Name)
		for _, m := range scope.Metrics {
			switch values := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range values.DataPoints {
					add(m.Name, p.Attributes, p.Value)
				}
			case metricdata.Gauge[int64]:
				for _, p := range values.DataPoints {
					add(m.Name, p.Attributes, p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range values.DataPoints {
					add(m.Name, p.Attributes, p.Count)
				}
			}
		}
	}
	slices.Sort(lines)
	return lines
}
