package peers

import (
	"context"
	"database/sql"
	"io"

	"github.com/redis/go-redis/v9"

	"stockhold/internal/rpc"
	"stockhold/reservation"
)

// conditional looks and writes at once: UPDATE ... WHERE enough is available,
// and INSERT if that changed a row, in one transaction per Try.
type conditional struct{ db *sql.DB }

var conditionalPeer = Peer{
	Name:   "conditional-update",
	Source: "the usual advice against SELECT ... FOR UPDATE: the condition goes into the UPDATE, and its row count is the answer",
	SQL:    true,
	prepare: func(ctx context.Context, db *sql.DB, _ *redis.Client, _ string, stock []Stock) error {
		return fillStock(ctx, db, stock)
	},
	open: func(_ context.Context, stores Stores) (rpc.Service, io.Closer, error) {
		db, err := openDB(stores.DSN)
		if err != nil {
			return nil, nil, err
		}
		return service{design: conditional{db}}, db, nil
	},
}

func (p conditional) try(ctx context.Context, r reservation.TryRequest) reservation.Answer {
	return answerTry(r, transact(ctx, p.db, func(tx *sql.Tx) error {
		for _, line := range r.Lines {
			result, err := tx.ExecContext(ctx, "UPDATE stock SET reserved = reserved + ? "+
				"WHERE location_id = ? AND sku = ? AND on_hand - reserved - committed >= ?",
				line.Quantity, line.Key.Location, line.Key.SKU, line.Quantity)
			if err != nil {
				return err
			}
			switch changed, err := result.RowsAffected(); {
			case err != nil:
				return err
			case changed == 0:
				return p.shortage(ctx, tx, line)
			}
		}
		_, err := insertHold(ctx, tx, r)
		return err
	}))
}

// shortage reads the figure that a refusal carries.
func (conditional) shortage(ctx context.Context, tx *sql.Tx, line reservation.Line) error {
	var available int64
	err := tx.QueryRowContext(ctx, "SELECT on_hand - reserved - committed FROM stock WHERE location_id = ? AND sku = ?",
		line.Key.Location, line.Key.SKU).Scan(&available)
	if err != nil {
		return err
	}
	return short(line, available)
}

func (p conditional) confirm(ctx context.Context, id reservation.HoldID) reservation.Answer {
	return confirmStock(ctx, p.db, id)
}
