package reservation

import (
	"context"
	"time"

	"stockhold/internal/tracing"
)

// Pending are operations on their way through the ledger.
type Pending struct {
	ledger *Ledger
	ops    []*Operation
	ticket *ticket
}

// Submit hands operations to the committers, in this order. When the queue is
// full, or so long that they would be begun only after ctx has ended, none of
// them is, and all are answered as OVERLOADED.
func (l *Ledger) Submit(ctx context.Context, ops []*Operation) *Pending {
	p := &Pending{ledger: l, ops: ops, ticket: newTicket(len(ops))}
	for _, op := range ops {
		op.ticket = p.ticket
	}
	if tracing.On() {
		enter(ctx, ops)
	}
	if len(ops) == 0 {
		return p
	}
	within := l.opts.QueueWait
	if deadline, ok := ctx.Deadline(); ok {
		within = min(within, time.Until(deadline))
	}
	if why := l.queue.put(ops, within); why != "" {
		for _, op := range ops {
			op.take()
			l.end(op, Answer{Err: overloaded(why, l.retryAfter())})
		}
	}
	return p
}

// Wait returns the answers, in order, as they are when all operations are done
// or ctx ends. An operation that no batch has begun by then never will be; one
// that a batch has begun is in doubt.
func (p *Pending) Wait(ctx context.Context) []Answer {
	answers := make([]Answer, len(p.ops))
	if len(p.ops) == 0 {
		return answers
	}
	select {
	case <-p.ticket.closed:
	case <-ctx.Done():
	}
	for i, op := range p.ops {
		switch {
		case op.phase.Load() == answered:
			answers[i] = op.answer
		case op.abandon():
			p.ledger.settleHold(op)
			answers[i] = Answer{Err: overloaded(noTime, p.ledger.retryAfter())}
		case op.phase.Load() == answered:
			answers[i] = op.answer
		default:
			answers[i] = Answer{Err: ErrInDoubt}
		}
	}
	if tracing.On() {
		linkBack(ctx, p.ops, answers)
	}
	return answers
}

// Do submits operations and waits for them.
func (l *Ledger) Do(ctx context.Context, ops []*Operation) []Answer {
	return l.Submit(ctx, ops).Wait(ctx)
}
