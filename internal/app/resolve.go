package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"
	"time"

	"stockhold/internal/config"
	"stockhold/reservation"
)

// Resolution is an operator's word on a hold.
type Resolution struct {
	ID      reservation.HoldID
	Confirm bool   // true: take the units; false: give them back
	Reason  string // why, for those who ask later; kept with the reservation
}

// Resolve carries an operator's word through the same batch as every call, so
// that the state table decides about it: what has ended stays as it is. It
// returns the reservation as it is then, and whether that was so before.
func Resolve(ctx context.Context, cfg config.Config, word Resolution, log *slog.Logger) (r *reservation.Reservation, replayed bool, err error) {
	stores, err := OpenStores(ctx, cfg.Stores, log)
	if err != nil {
		return nil, false, err
	}
	parts := newLifecycle()
	parts.onStop("the stores", func(context.Context) error { return stores.Close() })
	defer func() {
		stopping, cancel := context.WithTimeout(context.Background(), stopPatience(cfg))
		defer cancel()
		err = errors.Join(err, parts.stop(stopping))
	}()

	service := newService(cfg, stores.Ledger, stores.gateFor(), nil, log)
	parts.background("the service", service.Run)
	request := reservation.Request{ID: word.ID, Call: reservation.CancelKnown, By: reservation.ByOperator, Reason: word.Reason}
	if word.Confirm {
		request.Call = reservation.Confirm
	}
	answer := service.Do(ctx, []reservation.Request{request})[0]
	if answer.Err != nil {
		return nil, false, answer.Err
	}
	r, err = service.Get(ctx, word.ID) // with its lines, which a replay does not read
	return r, answer.Replayed, err
}

// WriteReservation prints a reservation for people.
func WriteReservation(w io.Writer, r *reservation.Reservation) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name string, value any) { fmt.Fprintf(table, "%s\t%v\n", name, value) } // Flush has the error
	row("reservation", r.ID)
	row("owner", r.Owner)
	row("state", r.State)
	if !r.ResolvedAt.IsZero() {
		row("resolved", fmt.Sprintf("%s by %s", r.ResolvedAt.Format(time.RFC3339), r.ResolvedBy))
	}
	if r.Reason != "" {
		row("reason", r.Reason)
	}
	if r.Reference != "" {
		row("reference", r.Reference)
	}
	row("created", r.CreatedAt.Format(time.RFC3339))
	if r.State == reservation.Reserved {
		row("expires", fmt.Sprintf("%s, then %s", r.ExpiresAt.Format(time.RFC3339), r.OnExpiry))
	}
	for _, line := range r.Lines {
		row("line", fmt.Sprintf("%d of %s", line.Quantity, line.Key))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the reservation: %w", err)
	}
	return nil
}
