package conformance_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/conformance"
	"stockhold/internal/rpc"
	"stockhold/reservation"
)

// What is no answer about stock is a typed refusal, too, through every client: a
// call that was not begun, one that a batch has begun, and a store that is away.
func TestTroubleIsTyped(t *testing.T) {
	for name, tt := range map[string]struct {
		store  troubledStore
		runs   bool
		reason stockholdv1.Reason
		repeat bool // retry_after says when
	}{
		"not begun": {troubledStore{}, false, stockholdv1.Reason_REASON_OVERLOADED, true},
		"in doubt":  {troubledStore{hangs: true}, true, stockholdv1.Reason_REASON_DEADLINE_EXCEEDED, false},
		"away":      {troubledStore{}, true, stockholdv1.Reason_REASON_UNAVAILABLE, true},
	} {
		t.Run(name, func(t *testing.T) {
			log := slog.New(slog.DiscardHandler)
			service := reservation.New(tt.store, awayGate{}, reservation.Options{CallTimeout: 100 * time.Millisecond, Logger: log,
				Ledger: reservation.LedgerOptions{Committers: 8, BatchTimeout: time.Second}}) // one for each client to hang
			if tt.runs {
				ctx, stop := context.WithCancel(context.Background())
				done := make(chan error, 1)
				go func() { done <- service.Run(ctx) }()
				t.Cleanup(func() {
					stop()
					require.NoError(t, <-done)
				})
			}
			handler, err := rpc.Handler(service, rpc.Options{Logger: log})
			require.NoError(t, err)
			for _, client := range conformance.Clients(t, conformance.Serve(t, handler)) {
				_, err := client.Reservations.Confirm(t.Context(), &stockholdv1.ConfirmRequest{ReservationId: "any"})
				refusal := conformance.RefusalOf(t, err) // which checks the code by the reason
				require.Equal(t, tt.reason, refusal.GetReason(), "%s: %v", client.Name, err)
				if tt.repeat {
					require.Positive(t, refusal.GetRetryAfter().AsDuration(), client.Name)
				}
			}
		})
	}
}

// troubledStore begins no transaction: it is away, or hangs until nobody waits.
type troubledStore struct {
	reservation.Store
	hangs bool
}

func (s troubledStore) Begin(ctx context.Context) (reservation.Tx, error) {
	if s.hangs {
		<-ctx.Done()
	}
	return nil, errors.Join(reservation.ErrAway, ctx.Err())
}
