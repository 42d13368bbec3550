package stage

import (
	"context"
	"fmt"
	"time"

	"stockhold/reservation"
)

// Fate is what became of a reservation, as its row says.
type Fate struct {
	ID       string
	State    reservation.State
	Expires  time.Time
	Resolved time.Time // the time that is waited for, while RESERVED
}

// Fates reads all reservations, and sees that the stock rows agree with them.
func (l *Ledger) Fates(ctx context.Context) ([]Fate, error) {
	rows, err := l.space.db.QueryContext(ctx, "SELECT reservation_id, state, expires_at, due_at FROM reservations")
	if err != nil {
		return nil, fmt.Errorf("read the reservations: %w", err)
	}
	defer rows.Close()
	var fates []Fate
	var held, taken int64
	for rows.Next() {
		var f Fate
		if err := rows.Scan(&f.ID, &f.State, &f.Expires, &f.Resolved); err != nil {
			return nil, fmt.Errorf("read the reservations: %w", err)
		}
		switch f.State {
		case reservation.Reserved:
			held++
		case reservation.Confirmed:
			taken++
		}
		fates = append(fates, f)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the reservations: %w", err)
	}
	var reserved, committed int64
	if err := l.space.db.QueryRowContext(ctx, "SELECT SUM(reserved), SUM(committed) FROM stocks").Scan(&reserved, &committed); err != nil {
		return nil, fmt.Errorf("read the stock rows: %w", err)
	}
	if reserved != held || committed != taken {
		return nil, fmt.Errorf("%d units are held and %d taken, but the stock rows say %d reserved and %d committed", held, taken, reserved, committed)
	}
	return fates, nil
}

// Undecided counts reservations that are RESERVED.
func (l *Ledger) Undecided(ctx context.Context) (n int64, err error) {
	err = l.space.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM reservations WHERE state = ?", reservation.Reserved).Scan(&n)
	if err != nil {
		err = fmt.Errorf("count what is undecided: %w", err)
	}
	return n, err
}

// Serve starts one server on a ledger that outlives it.
func (s *Stage) Serve(ctx context.Context, l *Ledger, flags []string) (*System, error) {
	sys := &System{Name: "stockhold", Stores: true, books: l.books}
	return sys.orClose(s.serve(ctx, sys, l.space.name+"-server", flags))
}
