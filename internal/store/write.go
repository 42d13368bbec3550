package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"stockhold/inventory"
	"stockhold/reservation"
)

// change is one statement of a batch.
type change struct {
	doing string
	*statement
	rows int64 // that it must affect; -1: whatever it does
}

// anyRows is for statements whose count says nothing.
const anyRows = -1

// Write puts a batch's differences into the transaction: rows that were not
// there by plain INSERTs in key order, so that only a duplicate key tells that
// another process was first; changes of rows that are locked after them.
func (t *tx) Write(ctx context.Context, changes *reservation.Changes) error {
	var all []change
	for _, step := range []func(*reservation.Changes) []change{
		t.insertReservations, t.insertLines, t.insertAdjustments, t.insertStocks,
		t.reschedule, t.transition, t.updateStocks,
	} {
		all = append(all, step(changes)...)
	}
	return t.exec(ctx, all...)
}

// exec makes changes in order, as many in one round trip as are not too long for
// one, and sees that each affected as many rows as it must.
func (t *tx) exec(ctx context.Context, changes ...change) error {
	for len(changes) > 0 {
		n, arguments := 1, len(changes[0].args)
		for n < len(changes) && arguments+len(changes[n].args) <= maxArgs {
			arguments += len(changes[n].args)
			n++
		}
		some := changes[:n]
		changes = changes[n:]
		counts, err := t.execSome(ctx, some)
		if err != nil {
			return err
		}
		for i, c := range some {
			if c.rows != anyRows && counts[i] != c.rows {
				return fmt.Errorf("store: %s: %d of %d rows were as they must be: %w", c.doing, counts[i], c.rows, reservation.ErrCorrupt)
			}
		}
	}
	return nil
}

func (t *tx) execSome(ctx context.Context, changes []change) ([]int64, error) {
	if m, ok := t.conn.(*mysqlSession); ok && len(changes) > 1 {
		doing, statements := make([]string, len(changes)), make([]*statement, len(changes))
		for i, c := range changes {
			doing[i], statements[i] = c.doing, c.statement
		}
		counts, err := m.execTogether(ctx, statements)
		if err != nil {
			return nil, t.store.fail(strings.Join(doing, ", "), err)
		}
		return counts, nil
	}
	counts := make([]int64, len(changes))
	for i, c := range changes {
		result, err := t.conn.ExecContext(ctx, c.sql.String(), c.args...)
		if err == nil {
			counts[i], err = result.RowsAffected()
		}
		if err != nil {
			return nil, t.store.fail(c.doing, err)
		}
	}
	return counts, nil
}

func (t *tx) insertReservations(changes *reservation.Changes) []change {
	const into = "INSERT INTO reservations ("
	insert, width := into+untracedColumns+") VALUES ", 15
	traced := slices.ContainsFunc(changes.NewReservations, func(r *reservation.Reservation) bool { return r.Trace != nil })
	if traced { // most batches are not, and pay nothing for it
		insert, width = into+reservationColumns+") VALUES ", 16
	}
	return chunked(changes.NewReservations, maxArgs/width, func(rows []*reservation.Reservation) change {
		q := newStatement(insert).rows(len(rows), width)
		for _, r := range rows {
			due := r.ResolvedAt
			if r.State == reservation.Reserved {
				due = r.NextCheckAt
			}
			q.args = append(q.args, r.Key, r.Owner, r.ID, int64(r.State), int64(laneOf(r)), t.time(due), r.LineCount, r.Fingerprint[:],
				t.time(r.CreatedAt), t.time(r.ExpiresAt), r.Checks, t.time(r.ParkedAt), int64(r.ResolvedBy), r.Reference, r.Reason)
			if traced {
				q.args = append(q.args, r.Trace.Bytes())
			}
		}
		return change{"insert reservations", q, anyRows}
	})
}

func (t *tx) insertLines(changes *reservation.Changes) []change {
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
	return chunked(lines, maxArgs/width, func(rows []row) change {
		q := newStatement("INSERT INTO reservation_lines (rkey, location_id, sku, quantity) VALUES ").rows(len(rows), width)
		for _, r := range rows {
			q.args = append(q.args, r.key, r.line.Location, r.line.SKU, r.line.Quantity)
		}
		return change{"insert lines", q, anyRows}
	})
}

func (t *tx) insertAdjustments(changes *reservation.Changes) []change {
	const width = 9
	return chunked(changes.NewAdjustments, maxArgs/width, func(rows []inventory.Adjustment) change {
		q := newStatement("INSERT INTO stock_adjustments (adjustment_id, location_id, sku, is_recount, amount, expected_on_hand, created_at, reason, reference) VALUES ").rows(len(rows), width)
		for _, a := range rows {
			q.args = append(q.args, a.ID, a.Key.Location, a.Key.SKU, a.Set, a.Amount, a.Expected, t.time(a.At), a.Reason, a.Reference)
		}
		return change{"insert adjustments", q, anyRows}
	})
}

func (t *tx) insertStocks(changes *reservation.Changes) []change {
	return t.putStocks("insert stock rows", changes.NewStocks, "")
}

// updateStocks writes rows that this transaction has locked: they are there, so
// that the one statement only ever updates.
func (t *tx) updateStocks(changes *reservation.Changes) []change {
	return t.putStocks("update stock rows", changes.Stocks, t.store.dialect.upsert)
}

func (t *tx) putStocks(doing string, stocks []inventory.Stock, upsert string) []change {
	const width = 6
	return chunked(stocks, maxArgs/width, func(rows []inventory.Stock) change {
		q := newStatement("INSERT INTO stocks ("+stockColumns+") VALUES ").rows(len(rows), width)
		for _, s := range rows {
			q.args = append(q.args, s.Location, s.SKU, s.OnHand, s.Reserved, s.Committed, s.Version)
		}
		return change{doing, q.add(upsert), anyRows}
	})
}

// reschedule moves the expiry and next check of holds that stay RESERVED.
func (t *tx) reschedule(changes *reservation.Changes) (all []change) {
	for _, r := range changes.Rescheduled {
		lane := laneOf(&reservation.Reservation{Checks: r.Checks, ParkedAt: r.ParkedAt})
		set := "lane = (lane & ?) | ?, due_at = ?, checks = ?, parked_at = ?"
		args := []any{lanePolicy, int64(lane), t.time(r.NextCheckAt), r.Checks, t.time(r.ParkedAt)}
		if !r.ExpiresAt.IsZero() {
			set, args = set+", expires_at = ?", append(args, t.time(r.ExpiresAt))
		}
		all = append(all, t.update("reschedule", r.Keys, reservation.Reserved, set, args...)...)
	}
	return all
}

// transition moves reservations to another state.
func (t *tx) transition(changes *reservation.Changes) (all []change) {
	for _, m := range changes.Moved {
		all = append(all, t.update("move to "+m.To.String(), m.Keys, m.From,
			"state = ?, due_at = ?, resolved_by = ?, reason = ?", int64(m.To), t.time(m.At), int64(m.By), m.Reason)...)
	}
	return all
}

// update sets columns of reservations by key. The rows are locked and were read
// in this state: another count means that somebody writes without locks.
func (t *tx) update(doing string, keys []int64, from reservation.State, set string, args ...any) []change {
	return chunked(keys, lockChunk, func(keys []int64) change {
		q := newStatement("UPDATE reservations"+t.store.dialect.index("PRIMARY")+" SET "+set+" WHERE state = ? AND rkey IN ", append(slices.Clip(args), int64(from))...)
		return change{doing, in(q, keys), int64(len(keys))}
	})
}

func (t *tx) time(at time.Time) any { return t.store.dialect.time(at) }
