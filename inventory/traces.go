package inventory

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"stockhold/internal/tracing"
)

// kinds are the spans of the scripts.
var kinds = map[string]tracing.Kind{
	"freeze": tracing.Freeze, "settle": tracing.Settle, "drop": tracing.Drop, "reclaim": tracing.Reclaim,
}

// begin begins the span of one run of a script.
func (c call) begin(ctx context.Context) (context.Context, trace.Span) {
	if !tracing.On() {
		return tracing.StartShared(ctx, tracing.Kind{}, nil)
	}
	ctx, span := tracing.StartShared(ctx, kinds[c.script.name], tracing.LinksOf(ctx))
	span.SetAttributes(attribute.String("db.system.name", "redis"), attribute.String("db.operation.name", "EVALSHA"),
		attribute.Int("stockhold.gate.keys", len(c.keys)))
	return ctx, span
}

// takeOff is the context of a flight: its loads have many callers, none of whose
// it is, and the flight has its own time-out. links are those of them that are
// sampled; nil where nothing is traced.
func takeOff(loads []*load) (ctx context.Context, links *tracing.Links) {
	if !tracing.On() {
		return context.Background(), nil
	}
	links = &tracing.Links{}
	for _, l := range loads {
		links.Add(l.mark)
	}
	return links.Within(context.Background()), links
}

// linkFlight links the span of a call to the flight that carried it.
func linkFlight(ctx context.Context, flight *tracing.Mark) {
	var links tracing.Links
	links.Add(flight)
	links.AddTo(ctx)
}
