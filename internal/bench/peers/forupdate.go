package peers

import (
	"context"
	"database/sql"
	"io"
	"strings"

	"github.com/redis/go-redis/v9"

	"stockhold/internal/rpc"
	"stockhold/inventory"
	"stockhold/reservation"
)

// forUpdate holds the stock rows, looks, and writes: SELECT ... FOR UPDATE,
// UPDATE, INSERT, in one transaction per Try.
type forUpdate struct{ db *sql.DB }

var forUpdatePeer = Peer{
	Name:   "for-update",
	Source: "the textbook transaction, as the locking reads of the MySQL manual show it (SELECT ... FOR UPDATE of a counter)",
	SQL:    true,
	prepare: func(ctx context.Context, db *sql.DB, _ *redis.Client, _ string, stock []Stock) error {
		return fillStock(ctx, db, stock)
	},
	open: func(_ context.Context, stores Stores) (rpc.Service, io.Closer, error) {
		db, err := openDB(stores.DSN)
		if err != nil {
			return nil, nil, err
		}
		return service{design: forUpdate{db}}, db, nil
	},
}

func (p forUpdate) try(ctx context.Context, r reservation.TryRequest) reservation.Answer {
	return answerTry(r, transact(ctx, p.db, func(tx *sql.Tx) error {
		available, err := lockStock(ctx, tx, r.Lines)
		if err != nil {
			return err
		}
		for _, line := range r.Lines {
			if available[line.Key] < line.Quantity {
				return short(line, available[line.Key])
			}
		}
		if err := reserve(ctx, tx, r.Lines); err != nil {
			return err
		}
		_, err = insertHold(ctx, tx, r)
		return err
	}))
}

func (p forUpdate) confirm(ctx context.Context, id reservation.HoldID) reservation.Answer {
	return confirmStock(ctx, p.db, id)
}

// lockStock locks the rows of lines in key order and reads what is available.
func lockStock(ctx context.Context, tx *sql.Tx, lines []reservation.Line) (map[inventory.Key]int64, error) {
	these, args := rowsOf(lines)
	rows, err := tx.QueryContext(ctx, "SELECT location_id, sku, on_hand - reserved - committed FROM stock WHERE "+
		these+" ORDER BY location_id, sku FOR UPDATE", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	available := make(map[inventory.Key]int64, len(lines))
	for rows.Next() {
		var key inventory.Key
		var units int64
		if err := rows.Scan(&key.Location, &key.SKU, &units); err != nil {
			return nil, err
		}
		available[key] = units
	}
	return available, rows.Err()
}

// reserve adds to all rows in one statement.
func reserve(ctx context.Context, tx *sql.Tx, lines []reservation.Line) error {
	these, keys := rowsOf(lines)
	if len(lines) == 1 {
		_, err := tx.ExecContext(ctx, "UPDATE stock SET reserved = reserved + ? WHERE "+these,
			append([]any{lines[0].Quantity}, keys...)...)
		return err
	}
	var statement strings.Builder
	statement.WriteString("UPDATE stock SET reserved = reserved + CASE")
	args := make([]any, 0, 5*len(lines))
	for _, line := range lines {
		statement.WriteString(" WHEN location_id = ? AND sku = ? THEN ?")
		args = append(args, line.Key.Location, line.Key.SKU, line.Quantity)
	}
	statement.WriteString(" ELSE 0 END WHERE " + these)
	_, err := tx.ExecContext(ctx, statement.String(), append(args, keys...)...)
	return err
}

// rowsOf names the rows of lines in a form that the optimizer looks up by key.
func rowsOf(lines []reservation.Line) (condition string, args []any) {
	args = make([]any, 0, 2*len(lines))
	for _, line := range lines {
		args = append(args, line.Key.Location, line.Key.SKU)
	}
	const one = "(location_id = ? AND sku = ?)"
	return one + strings.Repeat(" OR "+one, len(lines)-1), args
}
