package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
)

// newTracers makes the provider of tracers that the environment asks for, or nil.
// OpenTelemetry's default is to send traces to a collector on this machine; here
// they are only made when a variable says what should become of them, since a
// machine without a collector is the usual one.
func newTracers(ctx context.Context, who *resource.Resource) (*trace.TracerProvider, error) {
	asked := cmp.Or(os.Getenv("OTEL_TRACES_EXPORTER"),
		os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
	if asked == "" || disabled() {
		return nil, nil
	}
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("make the traces exporter that OTEL_TRACES_EXPORTER=%s asks for: %w", cmp.Or(os.Getenv("OTEL_TRACES_EXPORTER"), "otlp"), err)
	}
	if autoexport.IsNoneSpanExporter(exporter) {
		return nil, nil
	}
	// Sampler and limits are read from the environment by the provider.
	return trace.NewTracerProvider(trace.WithBatcher(wordless{exporter}), trace.WithResource(who)), nil
}
