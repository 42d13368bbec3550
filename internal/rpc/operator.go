package rpc

import (
	"context"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/access"
	"stockhold/internal/operator"
	"stockhold/inventory"
	"stockhold/reservation"
)

// Operator is what the handlers need for OperatorService: an *operator.Desk.
type Operator interface {
	Parked(ctx context.Context, owner string, after int64, limit int) ([]*reservation.Reservation, int64, error)
	Resolve(ctx context.Context, word operator.Word) (r *reservation.Reservation, replayed bool, err error)
	Rebuild(ctx context.Context, skus []string, after inventory.Key, limit int) (operator.Rebuilt, error)
}

// operators is the wire's OperatorService. Its methods return the domain's
// errors; the boundary makes answers of them.
type operators struct{ desk Operator }

func (s *operators) ListParked(ctx context.Context, m *stockholdv1.ListParkedRequest) (*stockholdv1.ListParkedResponse, error) {
	pages := parkedPages(m.GetOwner())
	after, err := pages.keyAfter(m.GetPageToken())
	if err != nil {
		return nil, err
	}
	page, next, err := s.desk.Parked(ctx, m.GetOwner(), after, int(m.GetPageSize()))
	if err != nil {
		return nil, err
	}
	response := &stockholdv1.ListParkedResponse{Parked: make([]*stockholdv1.ParkedReservation, len(page))}
	for i, r := range page {
		response.Parked[i] = &stockholdv1.ParkedReservation{
			Reservation: reservationToWire(r),
			ParkedAt:    momentToWire(r.ParkedAt),
			Checks:      int32(r.Checks),
			NextCheckAt: momentToWire(r.NextCheckAt),
		}
	}
	if next != 0 {
		response.NextPageToken = pages.afterKey(next)
	}
	return response, nil
}

// resolutionsFromWire: true confirms.
var resolutionsFromWire = map[stockholdv1.Resolution]bool{
	stockholdv1.Resolution_RESOLUTION_CONFIRM: true,
	stockholdv1.Resolution_RESOLUTION_RELEASE: false,
}

func (s *operators) Resolve(ctx context.Context, m *stockholdv1.ResolveRequest) (*stockholdv1.ResolveResponse, error) {
	var f faults
	word := operator.Word{
		ID:      holdID(m),
		Confirm: word(&f, "resolution", m.GetResolution(), resolutionsFromWire),
		Reason:  m.GetReason(),
		By:      access.NameOf(ctx),
	}
	if err := f.refusal(); err != nil {
		return nil, err
	}
	r, replayed, err := s.desk.Resolve(ctx, word)
	if err != nil {
		return nil, err
	}
	return &stockholdv1.ResolveResponse{Reservation: reservationToWire(r), Replayed: replayed, Reason: r.Reason}, nil
}

func (s *operators) RebuildGate(ctx context.Context, m *stockholdv1.RebuildGateRequest) (*stockholdv1.RebuildGateResponse, error) {
	pages := rebuildPages(m.GetSkus())
	after, err := pages.rowAfter(m.GetPageToken())
	if err != nil {
		return nil, err
	}
	page, err := s.desk.Rebuild(ctx, m.GetSkus(), after, int(m.GetPageSize()))
	if err != nil {
		return nil, err
	}
	response := &stockholdv1.RebuildGateResponse{
		LookedAt: int32(page.LookedAt),
		Rebuilt:  int32(page.Rows),
		Drift: &stockholdv1.GateDrift{
			Behind: int32(page.Behind), Ahead: int32(page.Ahead), Different: int32(page.Different),
		},
		UnknownSkus: page.Unknown,
	}
	if page.More {
		response.NextPageToken = pages.afterRow(page.Next)
	}
	return response, nil
}

func parkedPages(owner string) pages {
	var canonical filterBytes
	canonical.text("parked", owner)
	return canonical.pages()
}

// rebuildPages: the order in which skus are named, and how often, is no matter.
func rebuildPages(skus []string) pages {
	var canonical filterBytes
	canonical.text("gate")
	canonical.text(operator.SortSKUs(skus)...)
	return canonical.pages()
}
