package app_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"net/http"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/app"
	"stockhold/internal/config"
	"stockhold/internal/faults"
	"stockhold/reservation"
)

// overdue makes a server that does not sweep, with holds that are past their expiry.
func overdue(t *testing.T, cfg config.Config, holds ...string) *shop {
	t.Helper()
	cfg.Sweeper.Enabled = false
	cfg.Limits.MinTTL = time.Millisecond
	a, _ := start(t, cfg)
	s := visit(t, a)
	s.stock("mug", 100)
	for _, id := range holds {
		_, err := s.reservations.Try(t.Context(), &stockholdv1.TryRequest{
			ReservationId: id, Ttl: durationpb.New(time.Millisecond), Lines: []*stockholdv1.Line{{Sku: "mug", Quantity: 2}},
		})
		require.NoError(t, err)
	}
	return s
}

func sweepOnce(t *testing.T, cfg config.Config) (expired int, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	report, err := app.SweepOnce(ctx, cfg, new(journal).logger())
	return report.Expired, err
}

func TestSweepOnceBesideAServer(t *testing.T) {
	for name, configure := range map[string]func(*testing.T) config.Config{"embedded": embedded, "real": real} {
		t.Run(name, func(t *testing.T) {
			cfg := configure(t)
			s := overdue(t, cfg, "a", "b", "c")
			expired, err := sweepOnce(t, cfg)
			require.NoError(t, err)
			require.Equal(t, 3, expired)
			require.Equal(t, stockholdv1.State_STATE_EXPIRED, s.state("b"))

			// The server's gate, which may have seen nothing of it, refuses nothing.
			require.NoError(t, s.try("all", "mug", 100))
			expired, err = sweepOnce(t, cfg)
			require.NoError(t, err)
			require.Zero(t, expired)
		})
	}
}

func TestSweepOnceSaysWhatFailed(t *testing.T) {
	cfg := real(t)
	overdue(t, cfg, "a")
	db, err := sql.Open("mysql", cfg.Stores.MySQLDSN)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), "RENAME TABLE stock_adjustments TO elsewhere")
	require.NoError(t, err)

	expired, err := sweepOnce(t, cfg)
	require.ErrorIs(t, err, app.ErrSweepFailed)
	require.ErrorContains(t, err, "stock_adjustments")
	require.Equal(t, 1, expired, "one step's trouble is not another's")
}

// A sweeper of its own catches up with what servers leave to it, and answers probes.
func TestSweepForever(t *testing.T) {
	cfg := real(t)
	s := overdue(t, cfg, "a")

	cfg.Sweeper.Listen = "127.0.0.1:0"
	ctx, cancel := context.WithCancel(t.Context())
	log := &journal{}
	ended := make(chan error, 1)
	go func() { ended <- app.SweepForever(ctx, cfg, app.Options{Logger: log.logger()}) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	faults.Eventually(t, func() bool { return s.state("a") == stockholdv1.State_STATE_EXPIRED }, patience, 50*time.Millisecond)

	at := regexp.MustCompile(`address=(127\.0\.0\.1:[0-9]+)`).FindStringSubmatch(log.String())
	require.NotNil(t, at, log.String())
	probes := &shop{t: t, url: "http://" + at[1], client: s.client}
	probes.until("/readyz", http.StatusOK, "ok")
	probes.until("/metrics", http.StatusOK, "stockhold_sweeper_results_total")
}

func TestResolveBesideAServer(t *testing.T) {
	for name, configure := range map[string]func(*testing.T) config.Config{"embedded": embedded, "real": real} {
		t.Run(name, func(t *testing.T) {
			cfg := configure(t)
			s := overdue(t, cfg, "stands", "goes")
			resolve := func(id string, confirm bool) (*reservation.Reservation, bool, error) {
				word := app.Resolution{ID: reservation.HoldID{Owner: "default", ID: id}, Confirm: confirm, Reason: "ticket 815"}
				return app.Resolve(t.Context(), cfg, word, new(journal).logger())
			}

			r, replayed, err := resolve("stands", true)
			require.NoError(t, err)
			require.False(t, replayed)
			require.Equal(t, reservation.Confirmed, r.State)
			require.Equal(t, reservation.ByOperator, r.ResolvedBy)
			require.Equal(t, "ticket 815", r.Reason)
			require.Equal(t, stockholdv1.State_STATE_CONFIRMED, s.state("stands"))

			r, _, err = resolve("goes", false)
			require.NoError(t, err)
			require.Equal(t, reservation.Canceled, r.State)
			require.Equal(t, reservation.ByOperator, r.ResolvedBy)

			r, replayed, err = resolve("goes", false)
			require.NoError(t, err)
			require.True(t, replayed)
			require.Len(t, r.Lines, 1, "also a replay is shown with its lines")
			var shown bytes.Buffer
			require.NoError(t, app.WriteReservation(&shown, r))
			require.Regexp(t, `state +CANCELED\n`, shown.String())
			require.Regexp(t, `reason +ticket 815\n`, shown.String())
			require.Regexp(t, `line +2 of default/mug\n`, shown.String())

			var refusal *reservation.Refusal
			_, _, err = resolve("stands", false)
			require.True(t, errors.As(err, &refusal), "%v", err)
			require.Equal(t, reservation.AlreadyConfirmed, refusal.Reason)
			_, _, err = resolve("nobody", false)
			require.True(t, errors.As(err, &refusal), "%v", err)
			require.Equal(t, reservation.NotFound, refusal.Reason, "an operator's word leaves no tombstone")
		})
	}
}

// A command with a mistyped folder must not make an empty ledger and work on that.
func TestCommandsMakeNoLedger(t *testing.T) {
	cfg := embedded(t)
	cfg.Stores.Data = filepath.Join(t.TempDir(), "mistyped")
	_, err := sweepOnce(t, cfg)
	require.ErrorContains(t, err, "no embedded ledger")
	require.ErrorContains(t, err, "mistyped")
	require.NoDirExists(t, cfg.Stores.Data)
	require.ErrorContains(t, app.SchemaStatus(t.Context(), cfg.Stores, new(bytes.Buffer), new(journal).logger()), "no embedded ledger")
}

func TestMigrate(t *testing.T) {
	for name, configure := range map[string]func(*testing.T) config.Config{"embedded": embedded, "real": real} {
		t.Run(name, func(t *testing.T) {
			cfg := configure(t)
			log := new(journal).logger()
			var out bytes.Buffer
			require.NoError(t, app.Migrate(t.Context(), cfg.Stores, &out, log))
			require.Contains(t, out.String(), "applied 00001_")
			require.Contains(t, out.String(), "this program works with")

			out.Reset()
			require.NoError(t, app.Migrate(t.Context(), cfg.Stores, &out, log))
			require.NotContains(t, out.String(), "applied")
			require.NoError(t, app.SchemaStatus(t.Context(), cfg.Stores, &out, log))
		})
	}
}

func TestSchemaStatusOfAnEmptyDatabase(t *testing.T) {
	cfg := real(t)
	var out bytes.Buffer
	err := app.SchemaStatus(t.Context(), cfg.Stores, &out, new(journal).logger())
	require.ErrorContains(t, err, "stockhold migrate")
	require.Contains(t, out.String(), "is at version 0")
}

// What migrates an embedded ledger is not what serves it.
func TestMigrateIsKeptOutByAServer(t *testing.T) {
	cfg := embedded(t)
	start(t, cfg)
	require.ErrorIs(t, app.Migrate(t.Context(), cfg.Stores, new(bytes.Buffer), new(journal).logger()), app.ErrInUse)
}
