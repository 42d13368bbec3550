package demo

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// tryMessage holds the goods of an order. What happens when the hold is due is
// the decider's word, unless onExpiry says otherwise.
func (s *shop) tryMessage(o *order, onExpiry stockholdv1.OnExpiry, notAfter time.Time) message {
	request := &stockholdv1.TryRequest{
		ReservationId: o.Invoice, Owner: s.run, Ttl: durationpb.New(s.opts.TTL), OnExpiry: onExpiry, Reference: o.Customer,
	}
	if !notAfter.IsZero() {
		request.NotAfter = timestamppb.New(notAfter)
	}
	for _, line := range o.Lines {
		request.Lines = append(request.Lines, &stockholdv1.Line{Sku: line.SKU, LocationId: s.run, Quantity: int32(line.Quantity)})
	}
	return newMessage(callTry, o.Invoice, request, s.wire.reservations.Try)
}

func (s *shop) confirmMessage(o *order, ifReleased stockholdv1.IfReleased) message {
	request := &stockholdv1.ConfirmRequest{ReservationId: o.Invoice, Owner: s.run, IfReleased: ifReleased}
	return newMessage(callConfirm, o.Invoice, request, s.wire.reservations.Confirm)
}

func (s *shop) cancelMessage(o *order, reason string) message {
	request := &stockholdv1.CancelRequest{ReservationId: o.Invoice, Owner: s.run, Reason: reason}
	return newMessage(callCancel, o.Invoice, request, s.wire.reservations.Cancel)
}

func (s *shop) fulfillMessage(o *order) message {
	request := &stockholdv1.FulfillRequest{ReservationId: o.Invoice, Owner: s.run}
	return newMessage(callFulfill, o.Invoice, request, s.wire.reservations.Fulfill)
}

func (s *shop) returnMessage(o *order) message {
	request := &stockholdv1.ReturnRequest{ReservationId: o.Invoice, Owner: s.run}
	return newMessage(callReturn, o.Invoice, request, s.wire.reservations.Return)
}

// adjustMessage moves goods without an order. The id is made of what the invoice
// says, so that sending it twice moves them once.
func (s *shop) adjustMessage(sku string, delta int64, id, reason string) message {
	request := &stockholdv1.AdjustStockRequest{Sku: sku, LocationId: s.run, Delta: delta, AdjustmentId: s.run + ":" + id, Reason: reason}
	return newMessage(callAdjust, id, request, s.wire.inventory.AdjustStock)
}

// held reports whether an order's hold is open. It is for the network, which needs
// to know when to be late, and not for the shop.
func (s *shop) held(ctx context.Context, o *order) (bool, error) {
	request := &stockholdv1.GetReservationRequest{ReservationId: o.Invoice, Owner: s.run}
	response, err := read(ctx, s.wire, o.Invoice, request, s.wire.reservations.GetReservation)
	state := response.GetReservation().GetState()
	if state == stockholdv1.State_STATE_EXPIRED {
		s.wire.tally.count(func() { s.wire.tally.expired++ })
	}
	return state == stockholdv1.State_STATE_RESERVED, err
}

// newMessage makes a message of any call whose answer may be a replay.
func newMessage[Q, A any](call, id string, request *Q, rpc func(context.Context, *Q) (*A, error)) message {
	return message{call: call, id: id, send: func(ctx context.Context) (bool, error) {
		response, err := rpc(ctx, request)
		if err != nil {
			return false, err
		}
		answer, ok := any(response).(interface{ GetReplayed() bool })
		return ok && answer.GetReplayed(), nil
	}}
}
