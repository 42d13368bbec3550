package tracing

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// collector is where spans go.
type collector struct {
	provider trace.TracerProvider
	tracer   trace.Tracer
}

var current atomic.Pointer[collector]

// Use sends the process's spans to a provider from now on; nil ends that.
func Use(provider trace.TracerProvider) {
	if provider == nil {
		current.Store(nil)
		return
	}
	current.Store(&collector{provider: provider, tracer: provider.Tracer("stockhold")})
}

// On reports whether spans are collected. Whatever only serves a span is done
// behind it.
func On() bool { return current.Load() != nil }

// Provider is where spans go; nil where nobody collects them.
func Provider() trace.TracerProvider {
	if c := current.Load(); c != nil {
		return c.provider
	}
	return nil
}

// Start begins the span of a pass, or of a part of whatever ctx is in. The caller
// ends it.
func Start(ctx context.Context, kind Kind, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	c := current.Load()
	if c == nil {
		return ctx, nowhere
	}
	return c.tracer.Start(ctx, kind.Name, trace.WithSpanKind(kind.Role), trace.WithAttributes(attributes...))
}

// StartShared begins the span of work that is done for all who are in links: a
// child of what ctx is in if that is sampled, or else of the first of them, which
// all are. Where there is neither, nobody whose calls are sampled waits for this
// work, and there is no span.
func StartShared(ctx context.Context, kind Kind, links *Links) (context.Context, trace.Span) {
	c := current.Load()
	if c == nil {
		return ctx, nowhere
	}
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		first := links.First()
		if first == nil {
			return ctx, nowhere
		}
		ctx = first.Within(ctx)
	}
	ctx, span := c.tracer.Start(ctx, kind.Name, trace.WithSpanKind(kind.Role), trace.WithLinks(links.all()...))
	if links != nil {
		links.done = MarkOf(ctx)
	}
	return ctx, span
}

// nowhere is a span that nobody collects.
var nowhere = trace.SpanFromContext(context.Background())

// End ends a span that failed if err is not nil. What an error says may hold
// addresses and SQL, so the span tells what was going on and not why it failed: the
// log has that.
func End(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}
