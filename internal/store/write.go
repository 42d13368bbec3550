package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"stockhold/inventory"
	"stockhold/reservation"
)

// Write puts a batch's differences into the transaction: rows that were not
// there by plain INSERTs in key order, so that only a duplicate key tells that
// another process was first; changes of rows that are locked after them.
func (t *tx) Write(ctx context.Context, changes *reservation.Changes) error {
	steps := []func(context.Context, *reservation.Changes) error{
		t.insertReservations, t.insertLines, t.insertAdjustments, t.insertStocks,
		t.reschedule, t.transition, t.updateStocks,
	}
	for _, step := range steps {
		if err := step(ctx, changes); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) exec(ctx context.Context, doing string, q *statement) (int64, error) {
	result, err := t.conn.ExecContext(ctx, q.sql.String(), q.args...)
	if err != nil {
		return 0, t.store.fail(doing, err)
	}
	count, err := result.RowsAffected()
	return count, t.store.fail(doing, err)
}

func (t *tx) insertReservations(ctx context.Context, changes *reservation.Changes) error {
	const width = 15
	return chunks(changes.NewReservations, maxArgs/width, func(rows []*reservation.Reservation) error {
		q := newStatement("INSERT INTO reservations ("+reservationColumns+") VALUES ").rows(len(rows), width)
		for _, r := range rows {
			due := r.ResolvedAt
			if r.State == reservation.Reserved {
				due = r.NextCheckAt
			}
			q.args = append(q.args, r.Key, r.Owner, r.ID, r.State, laneOf(r), t.time(due), r.LineCount, r.Fingerprint[:],
				t.time(r.CreatedAt), t.time(r.ExpiresAt), r.Checks, t.time(r.ParkedAt), r.ResolvedBy, r.Reference, r.Reason)
		}
		_, err := t.exec(ctx, "insert reservations", q)
		return err
	})
}

func (t *tx) insertLines(ctx context.Context, changes *reservation.Changes) error {
	const width = 4
	type row struct {
		key  int64
		line inventory.Line
	}
	var lines []row
	for _, r := range changes.NewReservations {
		for _, line := range r.Lines {
			lines = append(lines, row{r.Key, line})
		}
	}
	return chunks(lines, maxArgs/width, func(rows []row) error {
		q := newStatement("INSERT INTO reservation_lines (rkey, location_id, sku, quantity) VALUES ").rows(len(rows), width)
		for _, r := range rows {
			q.args = append(q.args, r.key, r.line.Location, r.line.SKU, r.line.Quantity)
		}
		_, err := t.exec(ctx, "insert lines", q)
		return err
	})
}

func (t *tx) insertAdjustments(ctx context.Context, changes *reservation.Changes) error {
	const width = 9
	return chunks(changes.NewAdjustments, maxArgs/width, func(rows []inventory.Adjustment) error {
		q := newStatement("INSERT INTO stock_adjustments (adjustment_id, location_id, sku, is_recount, amount, expected_on_hand, created_at, reason, reference) VALUES ").rows(len(rows), width)
		for _, a := range rows {
			q.args = append(q.args, a.ID, a.Key.Location, a.Key.SKU, a.Set, a.Amount, a.Expected, t.time(a.At), a.Reason, a.Reference)
		}
		_, err := t.exec(ctx, "insert adjustments", q)
		return err
	})
}

func (t *tx) insertStocks(ctx context.Context, changes *reservation.Changes) error {
	return t.putStocks(ctx, "insert stock rows", changes.NewStocks, "")
}

// updateStocks writes rows that this transaction has locked: they are there, so
// that the one statement only ever updates.
func (t *tx) updateStocks(ctx context.Context, changes *reservation.Changes) error {
	return t.putStocks(ctx, "update stock rows", changes.Stocks, t.store.dialect.upsert)
}

func (t *tx) putStocks(ctx context.Context, doing string, stocks []inventory.Stock, upsert string) error {
	const width = 6
	return chunks(stocks, maxArgs/width, func(rows []inventory.Stock) error {
		q := newStatement("INSERT INTO stocks ("+stockColumns+") VALUES ").rows(len(rows), width)
		for _, s := range rows {
			q.args = append(q.args, s.Location, s.SKU, s.OnHand, s.Reserved, s.Committed, s.Version)
		}
		_, err := t.exec(ctx, doing, q.add(upsert))
		return err
	})
}

// reschedule moves the expiry and next check of holds that stay RESERVED.
func (t *tx) reschedule(ctx context.Context, changes *reservation.Changes) error {
	for _, r := range changes.Rescheduled {
		lane := laneOf(&reservation.Reservation{Checks: r.Checks, ParkedAt: r.ParkedAt})
		set := "lane = (lane & ?) | ?, due_at = ?, checks = ?, parked_at = ?"
		args := []any{lanePolicy, lane, t.time(r.NextCheckAt), r.Checks, t.time(r.ParkedAt)}
		if !r.ExpiresAt.IsZero() {
			set, args = set+", expires_at = ?", append(args, t.time(r.ExpiresAt))
		}
		err := t.update(ctx, "reschedule", r.Keys, reservation.Reserved, set, args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// transition moves reservations to another state.
func (t *tx) transition(ctx context.Context, changes *reservation.Changes) error {
	for _, m := range changes.Moved {
		err := t.update(ctx, "move to "+m.To.String(), m.Keys, m.From,
			"state = ?, due_at = ?, resolved_by = ?, reason = ?", m.To, t.time(m.At), m.By, m.Reason)
		if err != nil {
			return err
		}
	}
	return nil
}

// update sets columns of reservations by key. The rows are locked and were read
// in this state: another count means that somebody writes without locks.
func (t *tx) update(ctx context.Context, doing string, keys []int64, from reservation.State, set string, args ...any) error {
	return chunks(keys, lockChunk, func(keys []int64) error {
		q := newStatement("UPDATE reservations"+t.store.dialect.index("PRIMARY")+" SET "+set+" WHERE state = ? AND rkey IN ", append(slices.Clip(args), from)...)
		count, err := t.exec(ctx, doing, in(q, keys))
		if err != nil {
			return err
		}
		if count != int64(len(keys)) {
			return fmt.Errorf("store: %s: %d of %d rows were %s: %w", doing, count, len(keys), from, reservation.ErrCorrupt)
		}
		return nil
	})
}

func (t *tx) time(at time.Time) any { return t.store.dialect.time(at) }
