package rpc

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/inventory"
	"stockhold/reservation"
)

// From the domain to the wire.

func reservationToWire(r *reservation.Reservation) *stockholdv1.Reservation {
	if r == nil {
		return nil
	}
	return &stockholdv1.Reservation{
		ReservationId: r.ID,
		Owner:         r.Owner,
		State:         statesToWire[r.State],
		Lines:         linesToWire(r.Lines),
		Reference:     r.Reference,
		OnExpiry:      expiriesToWire[r.OnExpiry],
		CreatedAt:     momentToWire(r.CreatedAt),
		ExpiresAt:     momentToWire(r.ExpiresAt),
		ResolvedAt:    momentToWire(r.ResolvedAt),
		ResolvedBy:    resolversToWire[r.ResolvedBy],
		Parked:        r.Parked(),
	}
}

func linesToWire(lines []reservation.Line) []*stockholdv1.Line {
	if len(lines) == 0 {
		return nil
	}
	rows := make([]stockholdv1.Line, len(lines)) // one allocation, not one a line
	out := make([]*stockholdv1.Line, len(lines))
	for i, line := range lines {
		row := &rows[i]
		row.Sku, row.LocationId, row.Quantity = line.SKU, line.Location, int32(line.Quantity)
		out[i] = row
	}
	return out
}

// momentToWire leaves out what the domain does not have.
func momentToWire(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func stockToWire(s inventory.Stock) *stockholdv1.Stock {
	return &stockholdv1.Stock{
		Sku:        s.SKU,
		LocationId: s.Location,
		OnHand:     s.OnHand,
		Reserved:   s.Reserved,
		Committed:  s.Committed,
		Available:  s.Available(),
		Version:    s.Version,
	}
}

func shortagesToWire(shortages []inventory.Shortage) []*stockholdv1.Shortage {
	if len(shortages) == 0 {
		return nil
	}
	out := make([]*stockholdv1.Shortage, len(shortages))
	for i, s := range shortages {
		out[i] = &stockholdv1.Shortage{Sku: s.SKU, LocationId: s.Location, Requested: s.Requested, Available: s.Available}
	}
	return out
}

func violationsToWire(violations []reservation.Violation) []*stockholdv1.Violation {
	if len(violations) == 0 {
		return nil
	}
	out := make([]*stockholdv1.Violation, len(violations))
	for i, v := range violations {
		out[i] = &stockholdv1.Violation{Field: v.Field, Description: v.Description}
	}
	return out
}

// indexed names an element of a repeated field.
func indexed(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }
