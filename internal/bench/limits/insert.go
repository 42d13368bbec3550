package limits

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"stockhold/internal/bench/stage"
	"stockhold/reservation"
)

// committers is how many transactions are in flight, as in the ledger by default.
const committers = 2

// Insert writes reservations of one line by multi-row INSERTs, so many a
// transaction, and nothing else: no id is read, no stock row is locked.
func Insert(ctx context.Context, s *stage.Stage, rows int, d time.Duration) (result Result, err error) {
	ledger, err := s.Ledger(ctx, nil, nil)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	db := ledger.DB()
	var key atomic.Int64
	var inserted atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for range committers {
		group.Go(func() error {
			for time.Since(began) < d {
				if err := insert(ctx, db, key.Add(int64(rows))-int64(rows)+1, rows); err != nil {
					return fmt.Errorf("insert %d reservations: %w", rows, err)
				}
				inserted.Add(int64(rows))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return result, err
	}
	took := time.Since(began)
	var there int64
	count := "SELECT COUNT(*) FROM reservations r JOIN reservation_lines l ON l.rkey = r.rkey"
	if err := db.QueryRowContext(context.WithoutCancel(ctx), count).Scan(&there); err != nil {
		return result, fmt.Errorf("count the rows: %w", err)
	}
	if there != inserted.Load() {
		return result, fmt.Errorf("%d rows were inserted and %d are there", inserted.Load(), there)
	}
	return Result{
		Name:      fmt.Sprintf("mariadb-insert-%d", rows),
		About:     fmt.Sprintf("reservations of one line by multi-row INSERT, %d a transaction, %d transactions in flight", rows, committers),
		PerSecond: float64(there) / took.Seconds(), Rows: there,
	}, nil
}

func insert(ctx context.Context, db *sql.DB, key int64, rows int) error {
	const (
		head      = "INSERT INTO reservations (rkey, owner, reservation_id, state, lane, due_at, line_count, fingerprint, created_at, expires_at, checks, parked_at, resolved_by, reference, reason) VALUES "
		held      = "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
		linesHead = "INSERT INTO reservation_lines (rkey, location_id, sku, quantity) VALUES "
		line      = "(?,?,?,?)"
	)
	now := time.Now().UTC()
	args, lineArgs := make([]any, 0, 15*rows), make([]any, 0, 4*rows)
	for i := range int64(rows) {
		id := strconv.FormatUint(rand.Uint64(), 16) + strconv.FormatInt(key+i, 16)
		args = append(args, key+i, reservation.DefaultName, id, reservation.Reserved, reservation.ReleaseOnExpiry, now, 1, make([]byte, 16),
			now, now, 0, nil, 0, "", "")
		lineArgs = append(lineArgs, key+i, reservation.DefaultName, "sku-"+strconv.Itoa(rand.IntN(1000)), 1)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a Commit it does nothing
	if _, err := tx.ExecContext(ctx, head+held+strings.Repeat(","+held, rows-1), args...); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, linesHead+line+strings.Repeat(","+line, rows-1), lineArgs...); err != nil {
		return err
	}
	return tx.Commit()
}
