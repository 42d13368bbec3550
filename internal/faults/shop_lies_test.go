//go:build faults

package faults_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/internal/faults"
)

// liar answers a Try that was sent twice as it likes, and everything else as a
// replay.
type liar struct {
	stockholdv1connect.UnimplementedReservationServiceHandler
	second func() (*stockholdv1.TryResponse, error)
	trys   atomic.Int64
}

func (l *liar) Try(context.Context, *stockholdv1.TryRequest) (*stockholdv1.TryResponse, error) {
	if l.trys.Add(1) == 2 {
		return l.second()
	}
	return &stockholdv1.TryResponse{}, nil
}

func (l *liar) Confirm(context.Context, *stockholdv1.ConfirmRequest) (*stockholdv1.ConfirmResponse, error) {
	return &stockholdv1.ConfirmResponse{Replayed: true}, nil
}

func (l *liar) Cancel(context.Context, *stockholdv1.CancelRequest) (*stockholdv1.CancelResponse, error) {
	return &stockholdv1.CancelResponse{Replayed: true}, nil
}

// A shop that sends a call twice looks at both answers: it was carried out once,
// and the other one is a replay.
func TestShopLooksAtBothAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		second func() (*stockholdv1.TryResponse, error)
		broken string
	}{
		"a replay":          {func() (*stockholdv1.TryResponse, error) { return &stockholdv1.TryResponse{Replayed: true}, nil }, ""},
		"carried out twice": {func() (*stockholdv1.TryResponse, error) { return &stockholdv1.TryResponse{}, nil }, "Try was carried out 2 times"},
		"refused": {func() (*stockholdv1.TryResponse, error) {
			return nil, refused(t, stockholdv1.Reason_REASON_ID_REUSED)
		}, "already_exists"},
	} {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.Handle(stockholdv1connect.NewReservationServiceHandler(&liar{second: c.second}))
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			client := faults.NewClientOver(server.URL, &http.Transport{})
			t.Cleanup(client.Close)
			shop := faults.NewShop(faults.ShopOptions{Workers: 1, Ample: 1, Scarce: 1, Lose: -1, Twice: 1})
			shop.Use(client)
			shop.Serve(t.Context(), 1)
			if c.broken == "" {
				require.Empty(t, shop.Tally.Broken())
				return
			}
			require.NotEmpty(t, shop.Tally.Broken())
			require.Contains(t, shop.Tally.Broken()[0], c.broken)
		})
	}
}

func refused(t *testing.T, reason stockholdv1.Reason) error {
	err := connect.NewError(connect.CodeAlreadyExists, nil)
	detail, detailErr := connect.NewErrorDetail(&stockholdv1.Refusal{Reason: reason})
	require.NoError(t, detailErr)
	err.AddDetail(detail)
	return err
}

// A figure that no server has is an error, not 0: else a misspelled name would
// make a test pass that says that something never happened.
func TestMetricThatNobodyExports(t *testing.T) {
	site := faults.NewSite(t, faults.SiteOptions{})
	server, _ := faults.StartServer(t, site)
	_, err := server.Metric(t.Context(), `stockhold_gate_breakers`)
	require.ErrorContains(t, err, "exports no metric stockhold_gate_breakers")
	for _, series := range []string{"stockhold_gate_breaker", "stockhold_gate_skipped_total", `stockhold_ledger_retries_total{cause="commit_unknown"}`} {
		value, err := server.Metric(t.Context(), series)
		require.NoError(t, err)
		require.Zero(t, value, series)
	}
}
