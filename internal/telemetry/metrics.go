package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

// newMeters makes the provider of instruments and the page of their readings.
func newMeters(ctx context.Context, who *resource.Resource, build Build) (*metric.MeterProvider, http.Handler, error) {
	registry := prometheus.NewRegistry()
	reader, err := exporter.New(
		exporter.WithRegisterer(registry),
		exporter.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes),
		exporter.WithoutScopeInfo(), // which of our packages counted is in the name already
	)
	if err != nil {
		return nil, nil, fmt.Errorf("make the metrics exporter: %w", err)
	}
	options := []metric.Option{metric.WithReader(reader), metric.WithResource(who)}
	if pushed() {
		sender, err := autoexport.NewMetricReader(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("make the metrics exporter that OTEL_METRICS_EXPORTER=%s asks for: %w", os.Getenv("OTEL_METRICS_EXPORTER"), err)
		}
		options = append(options, metric.WithReader(sender))
	}
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "stockhold_build_info",
			Help:        "Always 1; its labels say what is running.",
			ConstLabels: prometheus.Labels{"version": build.Version, "revision": build.Revision, "go": build.Go},
		}, func() float64 { return 1 }),
	)
	return metric.NewMeterProvider(options...), promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, // one reading that is wrong must not hide the others
		ErrorLog:      slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}), nil
}

// pushed reports whether readings are to be sent to somebody as well. By default
// they are only shown, on the page; a collector's address alone means traces.
func pushed() bool {
	switch os.Getenv("OTEL_METRICS_EXPORTER") {
	case "", "none", "prometheus": // the page is Prometheus's
		return false
	}
	return !disabled()
}
