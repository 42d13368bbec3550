package rpc

import (
	"context"
	"net/http"
	"path"
	"time"

	"connectrpc.com/connect"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"stockhold/internal/tracing"
)

// boundary is the interceptor around every call: the handlers return the domain's
// errors, and here they become answers. It also counts and times the call.
type boundary struct {
	errors  *errorTable
	metrics *metrics
}

func (b *boundary) wrap(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		began := time.Now()
		rpc := rpcName(request.Spec())
		response, refused := b.call(ctx, rpc, request, next)
		if refused == nil {
			b.answered(ctx, began, outcome{rpc: rpc, replayed: isReplay(response.Any())})
			return response, nil
		}
		if isBranch(request) {
			refused.code = branchCode(rpc, refused.code)
		}
		if request.Peer().Protocol != connect.ProtocolConnect {
			refused.fitHeaders()
		}
		b.answered(ctx, began, outcome{rpc: rpc, code: refused.code, reason: refused.detail.GetReason()})
		return nil, refused.asError()
	}
}

// answered counts and times a call, and says in its span what became of it.
func (b *boundary) answered(ctx context.Context, began time.Time, o outcome) {
	b.metrics.call(ctx, began, o)
	if tracing.On() {
		trace.SpanFromContext(ctx).SetAttributes(
			attribute.String("stockhold.reason", reasonName(o.reason)), attribute.Bool("stockhold.replayed", o.replayed))
	}
}

// call runs the handler; whatever it does not answer, it panics included, is refused.
func (b *boundary) call(ctx context.Context, rpc string, request connect.AnyRequest, next connect.UnaryFunc) (response connect.AnyResponse, refused *refusal) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		if value == http.ErrAbortHandler {
			panic(value) // net/http's own way to drop a connection
		}
		response, refused = nil, b.errors.panicked(ctx, rpc, value)
	}()
	response, err := next(ctx, request)
	if err != nil {
		return nil, b.errors.refusal(ctx, rpc, err)
	}
	return response, nil
}

// rpcName is the procedure's last part: no two of ours are alike.
func rpcName(spec connect.Spec) string { return path.Base(spec.Procedure) }

// isReplay reads the mark of answers that have one.
func isReplay(response any) bool {
	marked, ok := response.(interface{ GetReplayed() bool })
	return ok && marked.GetReplayed()
}
