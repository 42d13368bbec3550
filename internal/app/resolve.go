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
	"stockhold/internal/operator"
	"stockhold/reservation"
)

// Resolution is an operator's word on a hold.
type Resolution = operator.Word

// Resolve carries an operator's word to the stores themselves, where no server
// runs, by the same way as a server would: through the ledger's batch. It returns
// the reservation as it is then, and whether that was so before.
func Resolve(ctx context.Context, cfg config.Config, word Resolution, log *slog.Logger) (r *reservation.Reservation, replayed bool, err error) {
	stores, err := OpenStores(ctx, cfg.Stores, log)
	if err != nil {
		return nil, false, err
	}
	parts := newLifecycle()
	parts.onStop("the stores", func(context.Context) error { return stores.Close() })
	defer func() {
		stopping, cancel := context.WithTimeout(context.Background(), StopPatience(cfg))
		defer cancel()
		err = errors.Join(err, parts.stop(stopping))
	}()

	service := newService(cfg, stores.Ledger, stores.gateFor(), nil, log)
	parts.background("the service", service.Run)
	desk := operator.New(service, stores.Ledger, nil, operator.Options{CallTimeout: cfg.Server.CallTimeout, Logger: log})
	return desk.Resolve(ctx, word)
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
