package stage

import (
	"context"
	"database/sql"
	"fmt"

	"stockhold/internal/bench/load"
	"stockhold/reservation"
)

// books are a system's rows, counted behind its back.
type books struct {
	db    *sql.DB
	table string
	key   string // the table's own ascending key
	after int64  // the last key of the rows that were there from the start
}

// Count is how many reservations there are that were made by calls.
type Count struct {
	Held  int64 // RESERVED
	Taken int64 // CONFIRMED
	Other int64 // in any other state: nothing here should be
}

func (b *books) count(ctx context.Context) (Count, error) {
	var c Count
	rows, err := b.db.QueryContext(ctx, fmt.Sprintf("SELECT state, COUNT(*) FROM %s WHERE %s > %d GROUP BY state", b.table, b.key, b.after))
	if err != nil {
		return c, fmt.Errorf("count the rows of %s: %w", b.table, err)
	}
	defer rows.Close()
	for rows.Next() {
		var state reservation.State
		var n int64
		if err := rows.Scan(&state, &n); err != nil {
			return c, fmt.Errorf("count the rows of %s: %w", b.table, err)
		}
		switch state {
		case reservation.Reserved:
			c.Held += n
		case reservation.Confirmed:
			c.Taken += n
		default:
			c.Other += n
		}
	}
	return c, rows.Err()
}

// Check compares the rows with the answers of all calls so far. Of calls that
// failed nobody knows whether they left a row.
func (s *System) Check(ctx context.Context, answered load.Tally) error {
	if s.Ceiling {
		return nil
	}
	count, err := s.books.count(ctx)
	if err != nil {
		return err
	}
	return compare(count, answered)
}

func compare(count Count, answered load.Tally) error {
	rows := count.Held + count.Taken + count.Other
	if missing := answered.Accepted - rows; missing > 0 {
		return fmt.Errorf("%d reservations were answered OK, and %d rows are there: %d are missing", answered.Accepted, rows, missing)
	}
	if more := rows - answered.Accepted; more > answered.Failed {
		return fmt.Errorf("%d reservations were answered OK and %d calls failed, and %d rows are there: %d too many",
			answered.Accepted, answered.Failed, rows, more-answered.Failed)
	}
	if count.Taken < answered.Confirmed || count.Taken > answered.Confirmed+answered.Failed {
		return fmt.Errorf("%d were confirmed and %d calls failed, and %d rows are CONFIRMED", answered.Confirmed, answered.Failed, count.Taken)
	}
	if count.Other > 0 {
		return fmt.Errorf("%d rows are neither RESERVED nor CONFIRMED", count.Other)
	}
	return nil
}
