package sweeper

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"stockhold/internal/tracing"
	"stockhold/reservation"
)

// endPass ends the span of a pass with what it did.
func endPass(span trace.Span, report Report) {
	if span.IsRecording() {
		for _, f := range report.figures() {
			if *f.value > 0 {
				span.SetAttributes(attribute.Int("stockhold.sweeper."+f.name, *f.value))
			}
		}
		if report.Failed > 0 {
			span.SetStatus(codes.Error, "")
		}
	}
	span.End()
}

// beginCheck begins the span of one request to an owner, with links to the Trys of
// the holds that it asks about.
func beginCheck(ctx context.Context, owner string, claims []reservation.Claim) (context.Context, trace.Span) {
	if !tracing.On() {
		return tracing.StartShared(ctx, tracing.Check, nil)
	}
	var links tracing.Links
	for _, c := range claims {
		links.Add(c.Trace)
	}
	ctx, span := tracing.StartShared(ctx, tracing.Check, &links)
	span.SetAttributes(attribute.String("stockhold.owner", owner), attribute.Int("stockhold.questions", len(claims)))
	return ctx, span
}
