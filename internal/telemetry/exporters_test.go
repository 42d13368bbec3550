package telemetry

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// noExporters clears what the machine that runs the tests may have set.
func noExporters(t *testing.T) {
	for _, name := range []string{"OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED"} {
		t.Setenv(name, "")
	}
}

// Traces are only made where a variable says what should become of them.
func TestTracesWhenAskedFor(t *testing.T) {
	for name, tt := range map[string]struct {
		set  map[string]string
		made bool
	}{
		"nothing":              {nil, false},
		"an endpoint":          {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, true},
		"an endpoint for them": {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"}, true},
		"an exporter":          {map[string]string{"OTEL_TRACES_EXPORTER": "console"}, true},
		"none":                 {map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, false},
		"disabled":             {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			noExporters(t)
			for variable, value := range tt.set {
				t.Setenv(variable, value)
			}
			tracers, err := newTracers(t.Context(), identity(t.Context(), Build{}))
			require.NoError(t, err)
			require.Equal(t, tt.made, tracers != nil)
			if tracers != nil {
				require.NoError(t, tracers.Shutdown(t.Context()))
			}
		})
	}
}

func TestUnknownExportersAreNamed(t *testing.T) {
	noExporters(t)
	t.Setenv("OTEL_TRACES_EXPORTER", "pigeon")
	t.Setenv("OTEL_METRICS_EXPORTER", "drum")
	who := identity(t.Context(), Build{})
	_, err := newTracers(t.Context(), who)
	require.ErrorContains(t, err, "OTEL_TRACES_EXPORTER=pigeon")
	_, _, err = newMeters(t.Context(), who, Build{})
	require.ErrorContains(t, err, "OTEL_METRICS_EXPORTER=drum")
}

// The page is there whatever is sent elsewhere.
func TestReadingsAreSentWhenAskedFor(t *testing.T) {
	for value, sent := range map[string]bool{"": false, "none": false, "prometheus": false, "otlp": true, "console": true} {
		noExporters(t)
		t.Setenv("OTEL_METRICS_EXPORTER", value)
		require.Equal(t, sent, pushed(), value)
	}
	t.Setenv("OTEL_METRICS_EXPORTER", "otlp")
	t.Setenv("OTEL_SDK_DISABLED", "TRUE")
	require.False(t, pushed())
}

// Whoever this is said to be goes before what it is.
func TestIdentity(t *testing.T) {
	t.Setenv("OTEL_SERVICE_NAME", "shop-stock")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
	who := identity(t.Context(), Build{Version: "v1"})
	found := map[string]string{}
	for _, a := range who.Attributes() {
		found[string(a.Key)] = a.Value.AsString()
	}
	require.Equal(t, "shop-stock", found["service.name"])
	require.Equal(t, "v1", found["service.version"])
	require.Equal(t, "test", found["deployment.environment.name"])
	require.NotEmpty(t, found["service.instance.id"])
	for name := range found {
		require.NotContains(t, name, "command", "a command line may hold secrets")
	}
}
