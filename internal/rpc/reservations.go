package rpc

import (
	"context"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// reservations is the wire's ReservationService. Its methods return the domain's
// errors; the boundary makes answers of them.
type reservations struct {
	service Service
	errors  *errorTable
	metrics *metrics
}

func (s *reservations) Try(ctx context.Context, m *stockholdv1.TryRequest) (*stockholdv1.TryResponse, error) {
	answer, err := one(ctx, m, s.service.Limits(), tryFromWire, s.service.Try)
	if err != nil {
		return nil, err
	}
	return &stockholdv1.TryResponse{Reservation: reservationToWire(answer.Reservation), Replayed: answer.Replayed}, nil
}

func (s *reservations) Confirm(ctx context.Context, m *stockholdv1.ConfirmRequest) (*stockholdv1.ConfirmResponse, error) {
	answer, err := one(ctx, m, s.service.Limits(), confirmFromWire, s.service.Do)
	if err != nil {
		return nil, err
	}
	return &stockholdv1.ConfirmResponse{Reservation: reservationToWire(answer.Reservation), Replayed: answer.Replayed}, nil
}

func (s *reservations) Cancel(ctx context.Context, m *stockholdv1.CancelRequest) (*stockholdv1.CancelResponse, error) {
	answer, err := one(ctx, m, s.service.Limits(), cancelFromWire, s.service.Do)
	if err != nil {
		return nil, err
	}
	return &stockholdv1.CancelResponse{Reservation: reservationToWire(answer.Reservation), Replayed: answer.Replayed}, nil
}

func (s *reservations) Extend(ctx context.Context, m *stockholdv1.ExtendRequest) (*stockholdv1.ExtendResponse, error) {
	answer, err := one(ctx, m, s.service.Limits(), extendFromWire, s.service.Do)
	if err != nil {
		return nil, err
	}
	return &stockholdv1.ExtendResponse{Reservation: reservationToWire(answer.Reservation), Replayed: answer.Replayed}, nil
}

func (s *reservations) Fulfill(ctx context.Context, m *stockholdv1.FulfillRequest) (*stockholdv1.FulfillResponse, error) {
	answer, err := one(ctx, m, s.service.Limits(), fulfillFromWire, s.service.Do)
	if err != nil {
		return nil, err
	}
	return &stockholdv1.FulfillResponse{Reservation: reservationToWire(answer.Reservation), Replayed: answer.Replayed}, nil
}

func (s *reservations) Return(ctx context.Context, m *stockholdv1.ReturnRequest) (*stockholdv1.ReturnResponse, error) {
	answer, err := one(ctx, m, s.service.Limits(), returnFromWire, s.service.Do)
	if err != nil {
		return nil, err
	}
	return &stockholdv1.ReturnResponse{Reservation: reservationToWire(answer.Reservation), Replayed: answer.Replayed}, nil
}

func (s *reservations) BatchTry(ctx context.Context, m *stockholdv1.BatchTryRequest) (*stockholdv1.BatchTryResponse, error) {
	limits := s.service.Limits()
	if err := checkBatch(len(m.GetRequests()), limits); err != nil {
		return nil, err
	}
	answers := each(ctx, m.GetRequests(), limits, tryFromWire, s.service.Try)
	return &stockholdv1.BatchTryResponse{Outcomes: s.outcomes(ctx, "BatchTry", answers)}, nil
}

func (s *reservations) BatchConfirm(ctx context.Context, m *stockholdv1.BatchConfirmRequest) (*stockholdv1.BatchConfirmResponse, error) {
	limits := s.service.Limits()
	if err := checkBatch(len(m.GetRequests()), limits); err != nil {
		return nil, err
	}
	answers := each(ctx, m.GetRequests(), limits, confirmFromWire, s.service.Do)
	return &stockholdv1.BatchConfirmResponse{Outcomes: s.outcomes(ctx, "BatchConfirm", answers)}, nil
}

func (s *reservations) BatchCancel(ctx context.Context, m *stockholdv1.BatchCancelRequest) (*stockholdv1.BatchCancelResponse, error) {
	limits := s.service.Limits()
	if err := checkBatch(len(m.GetRequests()), limits); err != nil {
		return nil, err
	}
	answers := each(ctx, m.GetRequests(), limits, cancelFromWire, s.service.Do)
	return &stockholdv1.BatchCancelResponse{Outcomes: s.outcomes(ctx, "BatchCancel", answers)}, nil
}

func (s *reservations) GetReservation(ctx context.Context, m *stockholdv1.GetReservationRequest) (*stockholdv1.GetReservationResponse, error) {
	r, err := s.service.Get(ctx, holdID(m))
	if err != nil {
		return nil, err
	}
	return &stockholdv1.GetReservationResponse{Reservation: reservationToWire(r)}, nil
}

func (s *reservations) ListReservations(ctx context.Context, m *stockholdv1.ListReservationsRequest) (*stockholdv1.ListReservationsResponse, error) {
	filter, err := filterFromWire(m)
	if err != nil {
		return nil, err
	}
	pages := reservationPages(filter)
	after, err := pages.keyAfter(m.GetPageToken())
	if err != nil {
		return nil, err
	}
	page, next, err := s.service.List(ctx, filter, after, int(m.GetPageSize()))
	if err != nil {
		return nil, err
	}
	response := &stockholdv1.ListReservationsResponse{Reservations: make([]*stockholdv1.Reservation, len(page))}
	for i, r := range page {
		response.Reservations[i] = reservationToWire(r)
	}
	if next != 0 {
		response.NextPageToken = pages.afterKey(next)
	}
	return response, nil
}
