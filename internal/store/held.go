package store

import (
	"context"
	"database/sql"

	"stockhold/reservation"
)

// Held adds up the units of an owner's reservations that are RESERVED, without
// locks. It reads what it adds up, by index: what it costs grows with the holds
// of this owner that are open, and with nothing else.
func (s *Store) Held(ctx context.Context, owner string) (units int64, err error) {
	err = s.query(ctx, "add up held units", s.held(owner), func(rows *sql.Rows) error { return rows.Scan(&units) })
	return units, err
}

func (s *Store) held(owner string) *statement {
	return newStatement("SELECT COALESCE(SUM(l.quantity), 0) FROM reservations AS r"+s.dialect.index("by_owner")+
		" JOIN reservation_lines AS l ON l.rkey = r.rkey WHERE r.owner = ? AND r.state = ?", owner, reservation.Reserved)
}
