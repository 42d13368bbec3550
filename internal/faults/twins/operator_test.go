package twins

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/app"
	"stockhold/internal/config"
	"stockhold/internal/store"
	"stockhold/inventory"
	"stockhold/reservation"
)

// An operator's confirm that comes after the expiry takes nothing again, although
// there is stock: only a caller may say that it still wants the units.
func TestAnOperatorTakesNothingAgain(t *testing.T) {
	cfg := config.Default()
	cfg.Stores.Data = t.TempDir()
	require.NoError(t, cfg.Complete())
	quiet := slog.New(slog.DiscardHandler)
	id := expired(t, filepath.Join(cfg.Stores.Data, "stockhold.db"))
	_, _, err := app.Resolve(t.Context(), cfg, app.Resolution{ID: id, Confirm: true, Reason: "ticket 815"}, quiet)
	var refusal *reservation.Refusal
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, reservation.WasReleased, refusal.Reason)
	require.Equal(t, reservation.Expired, refusal.Reservation.State)
}

// expired makes a ledger with stock and one reservation that has expired.
func expired(t *testing.T, path string) reservation.HoldID {
	t.Helper()
	s, err := store.OpenSQLite(path, store.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	gate, err := inventory.OpenEmbedded(inventory.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, gate.Close()) }()
	ledger := reservation.NewLedger(s, gate, reservation.LedgerOptions{})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- ledger.Run(ctx) }()
	defer func() { stop(); require.NoError(t, <-done) }()

	id := reservation.HoldID{Owner: "default", ID: "1"}
	key := inventory.Key{Location: "default", SKU: "mug"}
	for _, op := range []*reservation.Operation{
		{Change: &inventory.Change{ID: "first", Key: key, Amount: 10}},
		{Call: reservation.Try, ID: id, Lines: []reservation.Line{{Key: key, Quantity: 1}}, OnExpiry: reservation.ReleaseOnExpiry},
		{Call: reservation.ExpireDue, ID: id, By: reservation.ByPolicy},
	} {
		require.NoError(t, ledger.Do(t.Context(), []*reservation.Operation{op})[0].Err)
	}
	return id
}
