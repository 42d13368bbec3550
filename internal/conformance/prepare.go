package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// prepare brings the reservation of every cell to its state, all together: so
// there are few calls, and those that must expire first do so at the same time.
func prepare(t *testing.T, e *env, cells []*cell) {
	t.Helper()
	var units []int64
	for range cells {
		units = append(units, int64(cellUnits[0])+spareUnits, int64(cellUnits[1])+spareUnits)
	}
	skus := e.skusOf(t, units...)
	try, confirm, cancel := &stockholdv1.BatchTryRequest{}, &stockholdv1.BatchConfirmRequest{}, &stockholdv1.BatchCancelRequest{}
	var expired, fulfilled, returned []string
	for i, c := range cells {
		c.id, c.skus = e.id(), skus[2*i:2*i+2]
		if c.state != "none" && c.state != "tombstone" {
			try.Requests = append(try.Requests, &stockholdv1.TryRequest{ReservationId: c.id, Owner: e.owner, Lines: c.lines(),
				Ttl: durationpb.New(c.ttl), OnExpiry: stockholdv1.OnExpiry_ON_EXPIRY_RELEASE})
		}
		switch c.state {
		case "CONFIRMED", "FULFILLED", "RETURNED":
			confirm.Requests = append(confirm.Requests, &stockholdv1.ConfirmRequest{ReservationId: c.id, Owner: e.owner})
		case "CANCELED", "tombstone":
			cancel.Requests = append(cancel.Requests, &stockholdv1.CancelRequest{ReservationId: c.id, Owner: e.owner})
		}
		switch c.state {
		case "EXPIRED":
			expired = append(expired, c.id)
		case "FULFILLED":
			fulfilled = append(fulfilled, c.id)
		case "RETURNED":
			returned = append(returned, c.id)
		}
	}
	tried, err := e.Reservations.BatchTry(t.Context(), try)
	requireAllDone(t, tried, err)
	confirmed, err := e.Reservations.BatchConfirm(t.Context(), confirm)
	requireAllDone(t, confirmed, err)
	canceled, err := e.Reservations.BatchCancel(t.Context(), cancel)
	requireAllDone(t, canceled, err)
	for _, id := range fulfilled {
		_, err := e.Reservations.Fulfill(t.Context(), &stockholdv1.FulfillRequest{ReservationId: id, Owner: e.owner})
		require.NoError(t, err)
	}
	for _, id := range returned {
		_, err := e.Reservations.Return(t.Context(), &stockholdv1.ReturnRequest{ReservationId: id, Owner: e.owner})
		require.NoError(t, err)
	}
	e.expire(t, expired...)
	e.untilDue(t)
}

func requireAllDone(t *testing.T, batch interface {
	GetOutcomes() []*stockholdv1.ReservationOutcome
}, err error) {
	t.Helper()
	require.NoError(t, err)
	for _, outcome := range batch.GetOutcomes() {
		require.NotNil(t, outcome.GetSuccess(), "%v", outcome)
	}
}
