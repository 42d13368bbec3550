//go:build faults

package clocks_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
)

func TestMain(m *testing.M) { faults.Main(m, faults.BuildOptions{}) }

const (
	// patience is how long a test waits for what must happen, on a busy machine.
	patience = 90 * time.Second
	tick     = 20 * time.Millisecond
)

// States and reasons by shorter names.
const (
	confirmed = stockholdv1.State_STATE_CONFIRMED
	expired   = stockholdv1.State_STATE_EXPIRED

	commit = stockholdv1.Verdict_VERDICT_COMMIT
	abort  = stockholdv1.Verdict_VERDICT_ABORT
)

// always answers every question with the same verdict.
func always(verdict stockholdv1.Verdict) faults.Answer {
	return func(context.Context, *stockholdv1.Question) *stockholdv1.Decision {
		return &stockholdv1.Decision{Verdict: verdict}
	}
}

// request is a Try of one unit.
func request(id, sku string, ttl time.Duration, policy stockholdv1.OnExpiry) *stockholdv1.TryRequest {
	return &stockholdv1.TryRequest{ReservationId: id, Owner: faults.Owner, Ttl: durationpb.New(ttl), OnExpiry: policy,
		Lines: []*stockholdv1.Line{{Sku: sku, Quantity: 1}}}
}

// hold makes so many holds of one unit at one moment, so that they are due at one,
// and returns their ids.
func hold(t *testing.T, client *faults.Client, n int, sku string, ttl time.Duration, policy stockholdv1.OnExpiry) (ids []string) {
	t.Helper()
	batch := &stockholdv1.BatchTryRequest{}
	for i := range n {
		ids = append(ids, fmt.Sprintf("%s-%d", sku, i))
		batch.Requests = append(batch.Requests, request(ids[i], sku, ttl, policy))
	}
	answer := faults.Answered(t, patience, func(ctx context.Context) (*stockholdv1.BatchTryResponse, error) {
		return client.BatchTry(ctx, batch)
	})
	for _, outcome := range answer.GetOutcomes() {
		require.NotNil(t, outcome.GetSuccess(), "%v", outcome)
	}
	return ids
}

// get reads a reservation.
func get(t *testing.T, client *faults.Client, id string) *stockholdv1.Reservation {
	t.Helper()
	return faults.Answered(t, patience, func(ctx context.Context) (*stockholdv1.GetReservationResponse, error) {
		return client.GetReservation(ctx, &stockholdv1.GetReservationRequest{ReservationId: id, Owner: faults.Owner})
	}).GetReservation()
}

func cancelHold(t *testing.T, client *faults.Client, id string) {
	t.Helper()
	faults.Answered(t, patience, func(ctx context.Context) (*stockholdv1.CancelResponse, error) {
		return client.Cancel(ctx, &stockholdv1.CancelRequest{ReservationId: id, Owner: faults.Owner})
	})
}

// become waits until all reservations are in a state.
func become(t *testing.T, client *faults.Client, state stockholdv1.State, ids []string) {
	t.Helper()
	for _, id := range ids {
		var is stockholdv1.State
		require.Eventually(t, func() bool {
			answer, err := client.GetReservation(t.Context(), &stockholdv1.GetReservationRequest{ReservationId: id, Owner: faults.Owner})
			is = answer.GetReservation().GetState()
			return err == nil && is == state
		}, patience, tick, "%s is %s, not %s", id, is, state)
	}
}

// counted waits until a figure of a process's metrics is at least so much.
func counted(t *testing.T, process *faults.Process, series string, least float64) {
	t.Helper()
	require.Eventually(t, func() bool {
		value, err := process.Metric(t.Context(), series)
		return err == nil && value >= least
	}, patience, tick, "%s of at least %v", series, least)
}

// more waits until such a figure has grown by so much.
func more(t *testing.T, process *faults.Process, series string, by float64) {
	t.Helper()
	counted(t, process, series, 1) // it may not be there before that
	now, err := process.Metric(t.Context(), series)
	require.NoError(t, err)
	counted(t, process, series, now+by)
}

// stock reads a stock row's figures: on hand, reserved, committed.
func stock(t *testing.T, client *faults.Client, sku string) [3]int64 {
	t.Helper()
	row := faults.Answered(t, patience, func(ctx context.Context) (*stockholdv1.GetStockResponse, error) {
		return client.Stock.GetStock(ctx, &stockholdv1.GetStockRequest{Sku: sku})
	}).GetStock()
	return [3]int64{row.GetOnHand(), row.GetReserved(), row.GetCommitted()}
}

// clean waits until ledger and gate agree.
func clean(t *testing.T, site *faults.Site) {
	t.Helper()
	var err error
	require.Eventually(t, func() bool { err = site.Audit(t.Context()); return err == nil }, patience, tick)
}
