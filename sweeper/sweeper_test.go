package sweeper

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"stockhold/reservation"
)

func TestOptionsThatMakeNoSenseAreNamed(t *testing.T) {
	for want, opts := range map[string]Options{
		"Page is 501, must be 1 to 500":                             {Page: 501},
		"Page is -1, must be 1 to 500":                              {Page: -1},
		"Lease is -1s, must be at least 1ms":                        {Lease: -time.Second},
		"RequestTimeout is 11s, must be at most a third of Lease":   {RequestTimeout: 11 * time.Second},
		"ParkAfter is 30001, must be 1 to 30000":                    {ParkAfter: maxChecks + 1},
		"Retention.Tombstones is 1ns, must be at least 1ms":         {Retention: reservation.Retention{Tombstones: 1}},
		"BreakerFailures is -3, must be 1 to 30000":                 {BreakerFailures: -3},
		"Interval is -1ns, must be at least 1ms":                    {Interval: -1},
		"a sweeper must be able to ask and act before others claim": {Lease: time.Second},
	} {
		_, err := New(&fakeStore{}, &fakeLedger{}, nil, nil, opts)
		require.ErrorContains(t, err, want)
	}
	_, err := New(&fakeStore{}, &fakeLedger{}, nil, nil, Options{})
	require.NoError(t, err)
}

func TestReportShowsAllOfItself(t *testing.T) {
	var report Report
	fields := reflect.ValueOf(&report).Elem()
	for i := range fields.NumField() {
		fields.Field(i).SetInt(int64(i + 1))
	}
	require.Len(t, report.figures(), fields.NumField())
	for i, f := range report.figures() {
		require.Equal(t, fields.Field(i).Addr().Interface(), f.value, f.name)
		require.Equal(t, fields.Type().Field(i).Tag.Get("json"), f.name)
	}

	double := report
	double.Add(report)
	for i := range fields.NumField() {
		require.Equal(t, int64(2*(i+1)), reflect.ValueOf(double).Field(i).Int())
	}

	var table bytes.Buffer
	require.NoError(t, report.WriteTable(&table))
	require.Equal(t, fields.NumField(), strings.Count(table.String(), "\n"))
	require.Contains(t, table.String(), "confirmed       3   confirmed, by the owner's answer or by policy\n")

	text, err := json.Marshal(report)
	require.NoError(t, err)
	require.Contains(t, string(text), `"gate_failed":18`)
	var back Report
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, report, back)
}

// What an operator alerts on is there, and no scrape costs the ledger a query.
func TestMetrics(t *testing.T) {
	before := otel.GetMeterProvider()
	reader := metric.NewManualReader()
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	otel.SetMeterProvider(provider)
	t.Cleanup(func() {
		otel.SetMeterProvider(before)
		require.NoError(t, provider.Shutdown(t.Context()))
	})

	claims := claimed("orders", 2)
	store := &fakeStore{claim: func(int) ([]reservation.Claim, error) {
		defer func() { claims = nil }()
		return claims, nil
	}}
	ledger := &fakeLedger{do: func(op *reservation.Operation) reservation.Answer {
		return reservation.Answer{Err: &reservation.Refusal{Reason: reservation.AlreadyConfirmed,
			Reservation: &reservation.Reservation{HoldID: op.ID, State: reservation.Confirmed}}}
	}}
	gate := &fakeGate{rows: rowsOf(gateRow("A", 5, 9))}
	s := parts{store: store, ledger: ledger, gate: gate, deciders: map[string]Decider{"orders": saying(Abort)}}.sweeper(t)
	_, err := s.RunOnce(t.Context())
	require.NoError(t, err)

	require.Equal(t, 1, store.looks)
	for range 3 {
		var collected metricdata.ResourceMetrics
		require.NoError(t, reader.Collect(t.Context(), &collected))
		found := map[string]float64{}
		for _, scope := range collected.ScopeMetrics {
			for _, m := range scope.Metrics {
				found[m.Name] = sum(m.Data)
			}
		}
		require.Equal(t, map[string]float64{
			"stockhold.sweeper.pass.duration":    1,
			"stockhold.sweeper.results":          1 + 2 + 2 + 1, // passes, due, contradictions, dropped
			"stockhold.sweeper.decider.duration": 1,
			"stockhold.sweeper.decider.breaker":  0,
			"stockhold.sweeper.decider.misfits":  0,
			"stockhold.sweeper.contradictions":   2,
			"stockhold.gate.drift.found":         1,
			"stockhold.gate.drift.repaired":      1,
			"stockhold.undecided.overdue":        7,
			"stockhold.undecided.asked":          3,
			"stockhold.undecided.parked":         2,
			"stockhold.stock.negative":           0,
			"stockhold.undecided.oldest":         90,
		}, found)
	}
	require.Equal(t, 1, store.looks)
}

// sum adds up a metric's points; of histograms, how many values were recorded.
func sum(data metricdata.Aggregation) (total float64) {
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			total += float64(p.Value)
		}
	case metricdata.Gauge[int64]:
		for _, p := range data.DataPoints {
			total += float64(p.Value)
		}
	case metricdata.Gauge[float64]:
		for _, p := range data.DataPoints {
			total += p.Value
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			total += float64(p.Count)
		}
	}
	return total
}
