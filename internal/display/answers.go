package display

import (
	"fmt"
	"io"
	"strings"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// StockTable begins a table of stock rows.
func StockTable() *Table {
	return NewTable("SKU", "LOCATION", "ON HAND", "RESERVED", "COMMITTED", "AVAILABLE", "VERSION")
}

// Stock adds a row to it.
func (t *Table) Stock(s *stockholdv1.Stock) {
	t.Row(s.GetSku(), s.GetLocationId(), s.GetOnHand(), s.GetReserved(), s.GetCommitted(), s.GetAvailable(), s.GetVersion())
}

// HoldTable begins a table of reservations.
func HoldTable() *Table {
	return NewTable("RESERVATION", "STATE", "LINES", "CREATED", "EXPIRES", "RESOLVED", "REFERENCE")
}

// Hold adds a row to it.
func (t *Table) Hold(r *stockholdv1.Reservation) {
	t.Row(r.GetReservationId(), stateOf(r), linesOf(r), Moment(r.GetCreatedAt()), Moment(r.GetExpiresAt()), Moment(r.GetResolvedAt()), r.GetReference())
}

// ParkedTable begins a table of holds that wait for an operator.
func ParkedTable() *Table {
	return NewTable("OWNER", "RESERVATION", "LINES", "PARKED", "ASKED", "ASKED NEXT", "REFERENCE")
}

// Parked adds a row to it.
func (t *Table) Parked(p *stockholdv1.ParkedReservation) {
	r := p.GetReservation()
	t.Row(r.GetOwner(), r.GetReservationId(), linesOf(r), Moment(p.GetParkedAt()), fmt.Sprintf("%d times", p.GetChecks()), Moment(p.GetNextCheckAt()), r.GetReference())
}

// Reservation prints one with all that is known of it; reason may be empty.
func Reservation(w io.Writer, r *stockholdv1.Reservation, reason string) error {
	t := NewTable()
	t.Row("reservation", r.GetReservationId())
	t.Row("owner", r.GetOwner())
	t.Row("state", stateOf(r))
	if r.GetResolvedAt() != nil {
		t.Row("resolved", fmt.Sprintf("%s by %s", Moment(r.GetResolvedAt()), word(r.GetResolvedBy().String(), "RESOLVED_BY_")))
	}
	if reason != "" {
		t.Row("reason", reason)
	}
	if r.GetReference() != "" {
		t.Row("reference", r.GetReference())
	}
	t.Row("created", Moment(r.GetCreatedAt()))
	if r.GetState() == stockholdv1.State_STATE_RESERVED {
		t.Row("expires", fmt.Sprintf("%s, then %s", Moment(r.GetExpiresAt()), word(r.GetOnExpiry().String(), "ON_EXPIRY_")))
	}
	for _, line := range r.GetLines() {
		t.Row("line", lineOf(line))
	}
	return t.Print(w)
}

func stateOf(r *stockholdv1.Reservation) string {
	state := word(r.GetState().String(), "STATE_")
	if r.GetParked() {
		state += ", parked"
	}
	return state
}

// State is a state's word without its prefix.
func State(s stockholdv1.State) string { return word(s.String(), "STATE_") }

func word(name, prefix string) string { return strings.TrimPrefix(name, prefix) }

// linesOf fits a row: the first line, and how many more there are.
func linesOf(r *stockholdv1.Reservation) string {
	lines := r.GetLines()
	switch len(lines) {
	case 0:
		return ""
	case 1:
		return lineOf(lines[0])
	default:
		return fmt.Sprintf("%s, and %d more", lineOf(lines[0]), len(lines)-1)
	}
}

func lineOf(line *stockholdv1.Line) string {
	return fmt.Sprintf("%d of %s/%s", line.GetQuantity(), line.GetLocationId(), line.GetSku())
}
