package rpc

import (
	"context"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/reservation"
)

// each asks the domain for all items of a call at once. Items are independent: one
// that is malformed is answered as such and does not keep the others.
func each[Item, Request any](
	ctx context.Context, items []Item, limits reservation.Limits,
	fromWire func(Item, reservation.Limits) (Request, error),
	ask func(context.Context, []Request) []reservation.Answer,
) []reservation.Answer {
	answers := make([]reservation.Answer, len(items))
	requests := make([]Request, 0, len(items))
	at := make([]int, 0, len(items))
	for i, item := range items {
		request, err := fromWire(item, limits)
		if err != nil {
			answers[i].Err = err
			continue
		}
		requests, at = append(requests, request), append(at, i)
	}
	if len(requests) > 0 {
		for i, answer := range ask(ctx, requests) {
			answers[at[i]] = answer
		}
	}
	return answers
}

// one is each for a call that is not a batch.
func one[Item, Request any](
	ctx context.Context, item Item, limits reservation.Limits,
	fromWire func(Item, reservation.Limits) (Request, error),
	ask func(context.Context, []Request) []reservation.Answer,
) (reservation.Answer, error) {
	request, err := fromWire(item, limits)
	if err != nil {
		return reservation.Answer{}, err
	}
	answer := ask(ctx, []Request{request})[0]
	return answer, answer.Err
}

// checkBatch refuses a batch as a whole.
func checkBatch(items int, limits reservation.Limits) error {
	var f faults
	if items < 1 || items > limits.Batch {
		f.add("requests", "has %d items, must have 1 to %d", items, limits.Batch)
	}
	return f.refusal()
}

// outcomes words the answers to a batch about reservations, in order.
func (s *reservations) outcomes(ctx context.Context, rpc string, answers []reservation.Answer) []*stockholdv1.ReservationOutcome {
	out := make([]*stockholdv1.ReservationOutcome, len(answers))
	for i, answer := range answers {
		if answer.Err != nil {
			failure := countedFailure(ctx, s.errors, s.metrics, rpc, answer.Err)
			out[i] = &stockholdv1.ReservationOutcome{Result: &stockholdv1.ReservationOutcome_Failure{Failure: failure}}
			continue
		}
		s.metrics.item(ctx, outcome{rpc: rpc, replayed: answer.Replayed})
		out[i] = &stockholdv1.ReservationOutcome{Result: &stockholdv1.ReservationOutcome_Success{
			Success: &stockholdv1.ReservationSuccess{Reservation: reservationToWire(answer.Reservation), Replayed: answer.Replayed},
		}}
	}
	return out
}

// outcomes words the answers to a batch about stock, in order.
func (s *stocks) outcomes(ctx context.Context, rpc string, answers []reservation.Answer) []*stockholdv1.StockOutcome {
	out := make([]*stockholdv1.StockOutcome, len(answers))
	for i, answer := range answers {
		if answer.Err != nil {
			failure := countedFailure(ctx, s.errors, s.metrics, rpc, answer.Err)
			out[i] = &stockholdv1.StockOutcome{Result: &stockholdv1.StockOutcome_Failure{Failure: failure}}
			continue
		}
		s.metrics.item(ctx, outcome{rpc: rpc, replayed: answer.Replayed})
		out[i] = &stockholdv1.StockOutcome{Result: &stockholdv1.StockOutcome_Success{
			Success: &stockholdv1.StockSuccess{Stock: stockToWire(*answer.Stock), Replayed: answer.Replayed},
		}}
	}
	return out
}

// countedFailure words the refusal of one item by the table of single calls.
func countedFailure(ctx context.Context, errs *errorTable, metrics *metrics, rpc string, err error) *stockholdv1.Failure {
	refused := errs.refusal(ctx, rpc, err)
	metrics.item(ctx, outcome{rpc: rpc, code: refused.code, reason: refused.detail.GetReason()})
	return refused.asFailure()
}
