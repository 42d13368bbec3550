package telemetry

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/propagators/autoprop"
	"go.opentelemetry.io/otel"
)

// What OpenTelemetry cannot read ends the start: it is told once, by its name where
// there is one, and without what it says.
func TestWrongVariablesEndTheStart(t *testing.T) {
	for name, tt := range map[string]struct {
		set  map[string]string
		says string
	}{
		"a header without a value": {map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "authorization Bearer hunter2"}, "parse headers: missing '="},
		"a header's name":          {map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "hunter2 x=y"}, "parse headers: invalid header key"},
		"a header's value":         {map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "authorization=hunter2%zz"}, "escape header value: not percent-encoded"},
		"an endpoint":              {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://user:hunter2/x@127.0.0.1:1 "}, "parse url: not a URL"},
		"no scheme":                {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT: it has no scheme"},
		"a certificate":            {map[string]string{"OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere/ca.pem"}, "open /nowhere/ca.pem"},
		"a sampler":                {map[string]string{"OTEL_TRACES_SAMPLER": "sometimes"}, "unsupported sampler: sometimes"},
		"a sampler's argument":     {map[string]string{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "lots"}, `parsing "lots"`},
		"a propagator":             {map[string]string{"OTEL_PROPAGATORS": "pigeon"}, "unknown propagator: pigeon"},
		"a number":                 {map[string]string{"OTEL_BSP_SCHEDULE_DELAY": "soon"}, "OTEL_BSP_SCHEDULE_DELAY: "},
		"an interval":              {map[string]string{"OTEL_METRIC_EXPORT_INTERVAL": "soon"}, "OTEL_METRIC_EXPORT_INTERVAL: parse duration"},
		"a temporality":            {map[string]string{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "brief"}, "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE is set to an invalid value"},
		"a resource":               {map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "environment"}, "missing value: [environment]"},
		"nothing":                  {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			noExporters(t)
			t.Setenv("OTEL_TRACES_EXPORTER", "otlp")
			t.Setenv("OTEL_METRICS_EXPORTER", "otlp")
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
			for variable, value := range tt.set {
				t.Setenv(variable, value)
			}
			var heard complaints
			heard.listen()
			heard.checkEndpoints()
			who := identity(t.Context(), Build{})
			meters, _, err := newMeters(t.Context(), who, Build{})
			require.NoError(t, err)
			t.Cleanup(func() { _ = meters.Shutdown(t.Context()) }) // by then it sends nothing
			tracers, err := newTracers(t.Context(), who)
			require.NoError(t, err)
			defer func() { require.NoError(t, tracers.Shutdown(t.Context())) }()
			autoprop.NewTextMapPropagator()

			err = heard.settle()
			if tt.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.says)
			require.NotContains(t, err.Error(), "; ", "it is told once")
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

// Later complaints are lines of the log.
func TestLaterComplaintsAreLogged(t *testing.T) {
	var out bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&out, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })

	var heard complaints
	heard.listen()
	require.NoError(t, heard.settle())
	otel.Handle(errors.New("the collector is away"))
	logger := logr.FromSlogHandler(listener{&heard})
	logger.Error(errors.New("why"), "it said", "value", "hunter2")
	logger.V(1).Info("a limit is reached")
	logger.V(4).Info("made something", "config", "hunter2")
	logger.V(8).Info("sent something")
	require.Contains(t, out.String(), `"level":"WARN","msg":"telemetry","error":"the collector is away"`)
	require.Contains(t, out.String(), `"error":"it said: why"`)
	require.Contains(t, out.String(), `"error":"a limit is reached"`)
	require.NotContains(t, out.String(), "something")
	require.NotContains(t, out.String(), "hunter2")
}
