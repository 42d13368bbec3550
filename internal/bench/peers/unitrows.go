package peers

import (
	"context"
	"database/sql"
	"io"
	"strings"

	"github.com/redis/go-redis/v9"

	"stockhold/internal/bench/bulk"
	"stockhold/internal/rpc"
	"stockhold/reservation"
)

// unitRows has a row for every unit. A Try takes rows that nobody has locked, so
// that buyers of one sku do not wait for each other; its rows leave the pool of
// available units, and the hold keeps their number.
type unitRows struct{ db *sql.DB }

var unitRowsPeer = Peer{
	Name:    "unit-rows",
	Source:  "Shopify Engineering, “Scaling inventory reservations” (2026): one row per unit, SELECT ... FOR UPDATE SKIP LOCKED, READ COMMITTED",
	SQL:     true,
	Units:   true,
	prepare: prepareUnits,
	open: func(_ context.Context, stores Stores) (rpc.Service, io.Closer, error) {
		db, err := openDB(stores.DSN)
		if err != nil {
			return nil, nil, err
		}
		return service{design: unitRows{db}}, db, nil
	},
}

// The primary key clusters the units of a sku: taking some reads neighbouring
// rows and needs no other index.
const unitTable = `CREATE TABLE units (
	location_id VARCHAR(64) NOT NULL,
	sku         VARCHAR(64) NOT NULL,
	unit        BIGINT      NOT NULL,
	PRIMARY KEY (location_id, sku, unit)
) ENGINE = InnoDB DEFAULT CHARSET = ascii COLLATE = ascii_bin`

func prepareUnits(ctx context.Context, db *sql.DB, _ *redis.Client, _ string, stock []Stock) error {
	if err := createTables(ctx, db, append(holdTables, unitTable)...); err != nil {
		return err
	}
	return bulk.Load(ctx, db, "units", "location_id, sku, unit", func(w *bulk.Writer) error {
		for _, s := range stock {
			for unit := range s.OnHand {
				if err := w.Row(reservation.DefaultName, s.SKU, unit); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (p unitRows) try(ctx context.Context, r reservation.TryRequest) reservation.Answer {
	return answerTry(r, transact(ctx, p.db, func(tx *sql.Tx) error {
		for _, line := range r.Lines {
			units, err := p.pick(ctx, tx, line)
			if err != nil {
				return err
			}
			// Rows that others hold are passed over: this may refuse what a moment later is there.
			if int64(len(units)) < line.Quantity {
				return short(line, int64(len(units)))
			}
			if err := p.take(ctx, tx, line, units); err != nil {
				return err
			}
		}
		_, err := insertHold(ctx, tx, r)
		return err
	}))
}

func (unitRows) pick(ctx context.Context, tx *sql.Tx, line reservation.Line) ([]any, error) {
	rows, err := tx.QueryContext(ctx, "SELECT unit FROM units WHERE location_id = ? AND sku = ? LIMIT ? FOR UPDATE SKIP LOCKED",
		line.Key.Location, line.Key.SKU, line.Quantity)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var units []any
	for rows.Next() {
		var unit int64
		if err := rows.Scan(&unit); err != nil {
			return nil, err
		}
		units = append(units, unit)
	}
	return units, rows.Err()
}

// take removes the rows from the pool.
func (unitRows) take(ctx context.Context, tx *sql.Tx, line reservation.Line, units []any) error {
	marks := strings.TrimSuffix(strings.Repeat("?,", len(units)), ",")
	_, err := tx.ExecContext(ctx, "DELETE FROM units WHERE location_id = ? AND sku = ? AND unit IN ("+marks+")",
		append([]any{line.Key.Location, line.Key.SKU}, units...)...)
	return err
}

// confirm has nothing to move: the units left the pool with the Try.
func (p unitRows) confirm(ctx context.Context, id reservation.HoldID) reservation.Answer {
	return answerConfirm(id, markConfirmed(ctx, p.db, id))
}
