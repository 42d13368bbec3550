package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/contrib/propagators/autoprop"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	"stockhold/internal/tracing"
)

// Telemetry is what was installed.
type Telemetry struct {
	Metrics http.Handler // serves the readings in Prometheus's format
	Traces  bool         // spans are collected

	flushes []func(context.Context) error
}

// Install makes the process measure, and trace where the environment asks for it.
// The first call does it; later ones return the same. The error names the variable
// that asks for what there is not, or says what could not be read.
func Install() (*Telemetry, error) { return install() }

var install = sync.OnceValues(func() (*Telemetry, error) {
	var heard complaints
	heard.listen()
	heard.checkEndpoints()
	ctx := context.Background() // exporters are made here, and connect later
	build := ReadBuild()
	who := identity(ctx, build)
	meters, page, err := newMeters(ctx, who, build)
	if err != nil {
		return nil, errors.Join(err, heard.settle())
	}
	tracers, err := newTracers(ctx, who)
	if err != nil {
		return nil, errors.Join(err, heard.settle())
	}
	propagators := autoprop.NewTextMapPropagator() // W3C's, unless OTEL_PROPAGATORS says otherwise
	if err := heard.settle(); err != nil {
		return nil, err
	}

	t := &Telemetry{Metrics: page, Traces: tracers != nil}
	otel.SetMeterProvider(meters)
	t.flushes = append(t.flushes, meters.ForceFlush)
	if t.Traces {
		otel.SetTracerProvider(tracers)
		otel.SetTextMapPropagator(propagators)
		tracing.Use(tracers)
		t.flushes = append(t.flushes, tracers.ForceFlush)
	}
	return t, nil
})

// identity is what every reading and span says of its process. It names no command
// line, which may hold secrets. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go
// before all of it.
func identity(ctx context.Context, build Build) *resource.Resource {
	who, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		resource.WithAttributes(
			attribute.String("service.name", "stockhold"),
			attribute.String("service.version", build.Version),
			attribute.String("service.instance.id", uuid.NewString()),
		),
		resource.WithFromEnv(),
	)
	if err != nil {
		otel.Handle(fmt.Errorf("not all is known of this process: %w", err))
	}
	return who
}

// flushPatience is how long a collector may take to accept what is left.
const flushPatience = 5 * time.Second

// Flush sends what has gathered and not been sent. A collector that is away costs
// five seconds, and the caller nothing but what the error tells.
func (t *Telemetry) Flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushPatience)
	defer cancel()
	errs := make([]error, len(t.flushes))
	var flushing sync.WaitGroup
	for i, flush := range t.flushes {
		flushing.Go(func() { errs[i] = flush(ctx) })
	}
	flushing.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("send what is left of traces and metrics: %w", err)
	}
	return nil
}

// disabled is OpenTelemetry's switch for all that is sent anywhere. The page of
// metrics is not sent, and stays.
func disabled() bool { return strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") }
