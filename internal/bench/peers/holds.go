package peers

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"stockhold/reservation"
)

func clock() time.Time { return time.Now().UTC() }

func ttlOf(r reservation.TryRequest) time.Duration {
	if r.TTL == 0 {
		return reservation.DefaultLimits().DefaultTTL
	}
	return r.TTL
}

func ownerOf(id reservation.HoldID) string {
	if id.Owner == "" {
		return reservation.DefaultName
	}
	return id.Owner
}

// insertHold writes the hold and its lines: two statements, whatever their number.
func insertHold(ctx context.Context, tx *sql.Tx, r reservation.TryRequest) (id int64, err error) {
	result, err := tx.ExecContext(ctx, "INSERT INTO holds (owner, reservation_id, state, created_at, expires_at) "+
		"VALUES (?, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND)",
		ownerOf(r.ID), r.ID.ID, reservation.Reserved, ttlOf(r).Microseconds())
	if err != nil {
		return 0, err
	}
	if id, err = result.LastInsertId(); err != nil {
		return 0, err
	}
	var statement strings.Builder
	args := make([]any, 0, 4*len(r.Lines))
	statement.WriteString("INSERT INTO hold_lines (hold_id, location_id, sku, quantity) VALUES ")
	for i, line := range r.Lines {
		if i > 0 {
			statement.WriteByte(',')
		}
		statement.WriteString("(?,?,?,?)")
		args = append(args, id, line.Key.Location, line.Key.SKU, line.Quantity)
	}
	_, err = tx.ExecContext(ctx, statement.String(), args...)
	return id, err
}

// answerTry turns what came of a Try's transaction into its answer.
func answerTry(r reservation.TryRequest, err error) reservation.Answer {
	switch {
	case err == nil:
		return held(r, false)
	case hasNumber(err, duplicateKey):
		return held(r, true)
	default:
		return reservation.Answer{Err: err}
	}
}

// errReplay rolls back a Confirm that was done before.
var errReplay = errors.New("confirmed before")

// markConfirmed moves a hold from RESERVED to CONFIRMED, or says why it does not.
func markConfirmed(ctx context.Context, tx execer, id reservation.HoldID) error {
	result, err := tx.ExecContext(ctx, "UPDATE holds SET state = ? WHERE owner = ? AND reservation_id = ? AND state = ?",
		reservation.Confirmed, ownerOf(id), id.ID, reservation.Reserved)
	if err != nil {
		return err
	}
	switch changed, err := result.RowsAffected(); {
	case err != nil:
		return err
	case changed == 1:
		return nil
	}
	var state reservation.State
	err = tx.QueryRowContext(ctx, "SELECT state FROM holds WHERE owner = ? AND reservation_id = ?", ownerOf(id), id.ID).Scan(&state)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return notFound(id)
	case err != nil:
		return err
	case state == reservation.Confirmed:
		return errReplay
	default:
		return &reservation.Refusal{Reason: reservation.WasReleased, Message: id.String() + " was released"}
	}
}

// execer is a transaction, or the pool itself.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// confirmStock is the Confirm of peers with one row per sku: both tables in two
// statements, however many lines there are.
func confirmStock(ctx context.Context, db *sql.DB, id reservation.HoldID) reservation.Answer {
	return answerConfirm(id, transact(ctx, db, func(tx *sql.Tx) error {
		if err := markConfirmed(ctx, tx, id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE holds h JOIN hold_lines l ON l.hold_id = h.id "+
			"JOIN stock s ON s.location_id = l.location_id AND s.sku = l.sku "+
			"SET s.reserved = s.reserved - l.quantity, s.committed = s.committed + l.quantity "+
			"WHERE h.owner = ? AND h.reservation_id = ?", ownerOf(id), id.ID)
		return err
	}))
}

func answerConfirm(id reservation.HoldID, err error) reservation.Answer {
	switch {
	case err == nil:
		return confirmed(id, false)
	case errors.Is(err, errReplay):
		return confirmed(id, true)
	default:
		return reservation.Answer{Err: err}
	}
}
