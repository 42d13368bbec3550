package rpc

import (
	"slices"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/inventory"
	"stockhold/reservation"
)

// From the wire to the domain. An error is always a refusal that names the fields.

func tryFromWire(m *stockholdv1.TryRequest, limits reservation.Limits) (reservation.TryRequest, error) {
	var f faults
	request := reservation.TryRequest{
		ID:        reservation.HoldID{Owner: m.GetOwner(), ID: m.GetReservationId()},
		Lines:     linesFromWire(m.GetLines()),
		TTL:       f.ttl(m.GetTtl(), limits),
		OnExpiry:  word(&f, "on_expiry", m.GetOnExpiry(), expiriesFromWire),
		Reference: m.GetReference(),
		NotAfter:  f.moment("not_after", m.GetNotAfter()),
	}
	return request, f.refusal()
}

func linesFromWire(lines []*stockholdv1.Line) []reservation.Line {
	out := make([]reservation.Line, len(lines))
	for i, line := range lines {
		out[i] = reservation.Line{Key: key(line), Quantity: int64(line.GetQuantity())}
	}
	return out
}

func confirmFromWire(m *stockholdv1.ConfirmRequest, _ reservation.Limits) (reservation.Request, error) {
	var f faults
	call := word(&f, "if_released", m.GetIfReleased(), confirmsFromWire)
	return request(m, call), f.refusal()
}

func cancelFromWire(m *stockholdv1.CancelRequest, _ reservation.Limits) (reservation.Request, error) {
	r := request(m, reservation.Cancel)
	r.Reason = m.GetReason()
	return r, nil
}

func extendFromWire(m *stockholdv1.ExtendRequest, limits reservation.Limits) (reservation.Request, error) {
	var f faults
	r := request(m, reservation.Extend)
	r.TTL = f.ttl(m.GetTtl(), limits)
	return r, f.refusal()
}

func fulfillFromWire(m *stockholdv1.FulfillRequest, _ reservation.Limits) (reservation.Request, error) {
	return request(m, reservation.Fulfill), nil
}

func returnFromWire(m *stockholdv1.ReturnRequest, _ reservation.Limits) (reservation.Request, error) {
	return request(m, reservation.Return), nil
}

// named is every message that names a reservation.
type named interface {
	GetReservationId() string
	GetOwner() string
}

func holdID(m named) reservation.HoldID {
	return reservation.HoldID{Owner: m.GetOwner(), ID: m.GetReservationId()}
}

func request(m named, call reservation.Call) reservation.Request {
	return reservation.Request{ID: holdID(m), Call: call, By: reservation.ByCaller}
}

// placed is every message that names a stock row.
type placed interface {
	GetSku() string
	GetLocationId() string
}

func key(m placed) inventory.Key {
	return inventory.Key{Location: m.GetLocationId(), SKU: m.GetSku()}
}

func recountFromWire(m *stockholdv1.SetStockRequest, _ reservation.Limits) (inventory.Change, error) {
	return inventory.Change{
		ID: m.GetAdjustmentId(), Key: key(m),
		Set: true, Amount: m.GetOnHand(), Expected: m.ExpectedOnHand,
		Reason: m.GetReason(), Reference: m.GetReference(),
	}, nil
}

func adjustmentFromWire(m *stockholdv1.AdjustStockRequest, _ reservation.Limits) (inventory.Change, error) {
	var f faults
	if m.GetDelta() == 0 {
		f.add("delta", "is 0 or left out, must add or take away something")
	}
	return inventory.Change{
		ID: m.GetAdjustmentId(), Key: key(m), Amount: m.GetDelta(),
		Reason: m.GetReason(), Reference: m.GetReference(),
	}, f.refusal()
}

func filterFromWire(m *stockholdv1.ListReservationsRequest) (reservation.Filter, error) {
	var f faults
	filter := reservation.Filter{
		Owner:         m.GetOwner(),
		SKU:           m.GetSku(),
		Location:      m.GetLocationId(),
		CreatedAfter:  f.moment("created_after", m.GetCreatedAfter()),
		CreatedBefore: f.moment("created_before", m.GetCreatedBefore()),
		Parked:        m.GetParked(),
	}
	if filter.Owner == "" {
		filter.Owner = reservation.DefaultName
	}
	filter.States = statesOf(&f, m.GetStates())
	return filter, f.refusal()
}

// statesOf reads each state once, in the order of the table, so that the same
// filter is the same page token's, however it was written.
func statesOf(f *faults, states []stockholdv1.State) []reservation.State {
	var out []reservation.State
	for i, wire := range states {
		out = append(out, word(f, indexed("states", i), wire, statesFromWire))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
