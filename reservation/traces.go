package reservation

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"stockhold/internal/tracing"
)

// describe names the reservation in the span of a call about one.
func describe(ctx context.Context, id HoldID) {
	trace.SpanFromContext(ctx).SetAttributes(attribute.String("stockhold.owner", id.Owner), attribute.String("stockhold.reservation.id", id.ID))
}

// enter marks operations with the call that they come from.
func enter(ctx context.Context, ops []*Operation) {
	mark := tracing.MarkOf(ctx)
	for _, op := range ops {
		op.mark = mark
	}
}

// beginBatch begins the span of one transaction over operations.
func beginBatch(ctx context.Context, ops []*Operation) (context.Context, trace.Span) {
	if !tracing.On() {
		return tracing.StartShared(ctx, tracing.Batch, nil)
	}
	var links tracing.Links
	for _, op := range ops {
		links.Add(op.mark)
	}
	ctx, span := tracing.StartShared(ctx, tracing.Batch, &links)
	mark := tracing.MarkOf(ctx)
	for _, op := range ops {
		op.batch = mark
	}
	return ctx, span
}

// endBatch ends it. A missed id is as much of an error as any: the batch runs again.
func endBatch(span trace.Span, operations int, err error) {
	if span.IsRecording() {
		span.SetAttributes(attribute.Int("stockhold.batch.operations", operations))
	}
	tracing.End(span, err)
}

// linkBack links the span of a call, or of a sweeper's page, to the transactions
// that answered it, and to the Trys of the reservations that it was about.
func linkBack(ctx context.Context, ops []*Operation, answers []Answer) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	var links tracing.Links
	for i, op := range ops {
		if op.phase.Load() != answered {
			continue
		}
		links.Add(op.batch)
		if r := about(answers[i]); r != nil {
			links.Add(r.Trace)
		}
	}
	links.AddTo(ctx)
}

// about is the reservation that an answer tells of, or nil.
func about(answer Answer) *Reservation {
	var refusal *Refusal
	if errors.As(answer.Err, &refusal) {
		return refusal.Reservation
	}
	return answer.Reservation
}

// linkTrys links the span of a transaction to the Trys of the holds that it is about.
func linkTrys(ctx context.Context, held []*Reservation) {
	var links tracing.Links
	for _, r := range held {
		links.Add(r.Trace)
	}
	links.AddTo(ctx)
}
