package audit

import (
	"context"
	"fmt"
	"math"

	"stockhold/internal/store"
	"stockhold/inventory"
	"stockhold/reservation"
)

// walkReservations goes through reservations and lines side by side, in the
// order of the reservations' keys: every line belongs to a reservation, and every
// reservation has the lines that it was made with. Lines never change after Try,
// and the fingerprint was taken then.
func (a *auditor) walkReservations(ctx context.Context) error {
	lines := newLineStream(store.FirstOf(""), a.opts.Page, func(after store.AuditLine) ([]store.AuditLine, error) {
		return a.snapshot.Lines(ctx, after, a.opts.Page)
	})
	for after, full := int64(math.MinInt64), true; full; {
		page, err := a.snapshot.Reservations(ctx, after, a.opts.Page)
		if err != nil {
			return err
		}
		for i := range page {
			a.checkReservation(&page[i], lines)
		}
		if lines.err != nil {
			return lines.err
		}
		if full = len(page) == a.opts.Page; full {
			after = page[len(page)-1].Key
		}
		a.report.Ledger.Reservations += int64(len(page))
		a.opts.Progress("reservations", a.report.Ledger.Reservations)
	}
	for lines.peek() != nil {
		a.orphans(lines)
	}
	return lines.err
}

// checkReservation takes the lines up to and with the reservation's own.
func (a *auditor) checkReservation(r *reservation.Reservation, lines *lineStream) {
	for next := lines.peek(); next != nil && next.ReservationKey < r.Key; next = lines.peek() {
		a.orphans(lines)
	}
	count, own := a.takeLines(lines, r.Key, r.LineCount)
	if lines.err != nil {
		return
	}
	differs := func(kind Kind, expected, found string) {
		a.report.add(kind, Difference{Owner: r.Owner, ReservationID: r.ID, ReservationKey: r.Key, Expected: expected, Found: found})
	}
	switch {
	case r.State == reservation.None || r.State > reservation.Returned:
		differs(UnknownState, "a state from 1 to 6", fmt.Sprintf("%d", r.State))
	case count != int64(r.LineCount):
		differs(LineCount, units(int64(r.LineCount), "line"), units(count, "line")+" ("+r.State.String()+")")
	case count == 0 && r.State != reservation.Canceled:
		differs(NoLines, "at least 1 line", "0 lines ("+r.State.String()+")")
	case count > 0 && reservation.FingerprintOf(own) != r.Fingerprint:
		differs(LinesChanged, "fingerprint "+digits(r.Fingerprint), digits(reservation.FingerprintOf(own))+" ("+r.State.String()+")")
	}
}

// orphans takes and reports the next lines, whose reservation is not there.
func (a *auditor) orphans(lines *lineStream) {
	key := lines.peek().ReservationKey
	count, _ := a.takeLines(lines, key, 0)
	a.report.add(LineWithoutReservation, Difference{ReservationKey: key, Expected: "a reservation", Found: "none, and " + units(count, "line")})
}

// takeLines takes all lines of a reservation, and keeps as many as it should
// have: beyond those they are only counted.
func (a *auditor) takeLines(lines *lineStream, key int64, keep int) (count int64, kept []inventory.Line) {
	for next := lines.peek(); next != nil && next.ReservationKey == key; next = lines.peek() {
		if count++; len(kept) < keep {
			kept = append(kept, next.Line)
		}
		lines.next()
	}
	a.report.Ledger.Lines += count
	return count, kept
}
