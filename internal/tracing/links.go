package tracing

import (
	"context"

	"go.opentelemetry.io/otel/trace"
)

// maxLinks is how many links a span carries at most: the SDK's own limit, beyond
// which it would forget the oldest.
const maxLinks = 128

// Links are places that a span has to do with, each once. Those beyond what a span
// can carry are left out. The zero value is empty, and so is nil to those who read.
type Links struct {
	marks []*Mark
	known map[Mark]struct{}
	done  *Mark // the span that StartShared began
}

// Add adds a place; nil is none.
func (l *Links) Add(m *Mark) {
	if m == nil || len(l.marks) >= maxLinks {
		return
	}
	if _, known := l.known[*m]; known {
		return
	}
	if l.known == nil {
		l.known = map[Mark]struct{}{}
	}
	l.known[*m] = struct{}{}
	l.marks = append(l.marks, m)
}

type linksKey struct{}

// Within is ctx with the places for whom something is done in it, for StartShared
// further down.
func (l *Links) Within(ctx context.Context) context.Context {
	return context.WithValue(ctx, linksKey{}, l)
}

// LinksOf are the places for whom something is done in ctx.
func LinksOf(ctx context.Context) *Links {
	l, _ := ctx.Value(linksKey{}).(*Links)
	return l
}

// First is the place that was added first, or nil.
func (l *Links) First() *Mark {
	if l == nil || len(l.marks) == 0 {
		return nil
	}
	return l.marks[0]
}

// Shared is the place of the span that StartShared began for them, or nil.
func (l *Links) Shared() *Mark {
	if l == nil {
		return nil
	}
	return l.done
}

func (l *Links) all() []trace.Link {
	if l == nil {
		return nil
	}
	links := make([]trace.Link, len(l.marks))
	for i, m := range l.marks {
		links[i].SpanContext = m.place()
	}
	return links
}

// AddTo links the span that ctx is in to all of them but itself.
func (l *Links) AddTo(ctx context.Context) {
	span := trace.SpanFromContext(ctx)
	self := span.SpanContext()
	for _, link := range l.all() {
		if link.SpanContext.SpanID() != self.SpanID() || link.SpanContext.TraceID() != self.TraceID() {
			span.AddLink(link)
		}
	}
}
