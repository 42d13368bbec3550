package conformance

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/inventory"
	"stockhold/reservation"
)

func (e *env) extend(t testing.TB, id string, ttl time.Duration) (*stockholdv1.ExtendResponse, error) {
	t.Helper()
	return e.Reservations.Extend(t.Context(), &stockholdv1.ExtendRequest{ReservationId: id, Owner: e.owner, Ttl: durationpb.New(ttl)})
}

func testExtendNeverShortens(t *testing.T, e *env) {
	id := e.hold(t, line(e.sku(t, 1), 1)) // for 10 minutes
	before := e.get(t, id).GetExpiresAt().AsTime()
	same, err := e.extend(t, id, time.Minute)
	require.NoError(t, err)
	require.True(t, same.GetReplayed(), "it was late enough already")
	require.Equal(t, before, same.GetReservation().GetExpiresAt().AsTime())

	later, err := e.extend(t, id, time.Hour)
	require.NoError(t, err)
	require.False(t, later.GetReplayed())
	at := later.GetReservation().GetExpiresAt().AsTime()
	require.Greater(t, at.Sub(before), 49*time.Minute, "counted from now, by the database's clock")
	require.LessOrEqual(t, at.Sub(later.GetReservation().GetCreatedAt().AsTime()), time.Hour+time.Minute)

	byDefault, err := e.Reservations.Extend(t.Context(), &stockholdv1.ExtendRequest{ReservationId: id, Owner: e.owner})
	require.NoError(t, err)
	require.True(t, byDefault.GetReplayed(), "15 minutes are less than that")
	require.Equal(t, at, byDefault.GetReservation().GetExpiresAt().AsTime())
}

// The sweeper goes by the new time, also when it read the old one.
func testExtendPutsOffExpiry(t *testing.T, e *env) {
	sku := e.sku(t, 2)
	extended, left := e.holdBriefly(t, line(sku, 1)), e.holdBriefly(t, line(sku, 1))
	_, err := e.extend(t, extended, time.Minute)
	require.NoError(t, err)
	e.expire(t, left) // made later: the other would be due, too
	answer := e.sweep(t, extended, reservation.ExpireDue)
	require.NoError(t, answer.Err)
	require.True(t, answer.Replayed)
	e.requireState(t, extended, stockholdv1.State_STATE_RESERVED)
	e.requireStock(t, sku, 2, 1, 0)
}

// A hold that waits for an operator waits no longer once its owner speaks up.
func testExtendUnparks(t *testing.T, e *env) {
	id := e.hold(t, line(e.sku(t, 1), 1))
	r := e.get(t, id)
	park := &reservation.Operation{ID: inventory.HoldID{Owner: e.owner, ID: id},
		Defer: &reservation.Deferral{Lease: r.GetExpiresAt().AsTime(), Delay: time.Second, Checks: 10, Park: true}}
	answer := e.server.Sweep(t.Context(), []*reservation.Operation{park})[0]
	require.NoError(t, answer.Err)
	require.False(t, answer.Replayed)
	require.True(t, e.get(t, id).GetParked())
	parked := e.all(t, &stockholdv1.ListReservationsRequest{Owner: e.owner, Parked: true})
	require.Len(t, parked, 1)
	require.Equal(t, id, parked[0].GetReservationId())

	extended, err := e.extend(t, id, time.Second) // expires_at was later already
	require.NoError(t, err)
	require.False(t, extended.GetReplayed(), "it is parked no longer: that is a change")
	require.False(t, extended.GetReservation().GetParked())
	require.Equal(t, r.GetExpiresAt().AsTime(), extended.GetReservation().GetExpiresAt().AsTime())
	require.Empty(t, e.all(t, &stockholdv1.ListReservationsRequest{Owner: e.owner, Parked: true}))
}

func testPastExpiryNothingChangesByItself(t *testing.T, e *env) {
	sku := e.sku(t, 4)
	var ids []string
	for range 4 {
		ids = append(ids, e.holdBriefly(t, line(sku, 1)))
	}
	e.untilDue(t)
	again, err := e.Reservations.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: ids[0], Owner: e.owner, Lines: []*stockholdv1.Line{line(sku, 1)}})
	require.NoError(t, err)
	require.True(t, again.GetReplayed())
	e.requireStock(t, sku, 4, 4, 0)
	_, err = e.confirm(t, ids[1])
	require.NoError(t, err)
	_, err = e.cancel(t, ids[2])
	require.NoError(t, err)
	_, err = e.extend(t, ids[3], time.Minute)
	require.NoError(t, err)
	e.requireStock(t, sku, 4, 2, 1)
}

// Two late Confirms of one order take the goods once.
func testReserveAgainTakesOnce(t *testing.T, e *env) {
	sku := e.sku(t, 5)
	id := e.holdBriefly(t, line(sku, 2))
	e.expire(t, id)
	e.requireStock(t, sku, 5, 0, 0)
	_, err := e.confirm(t, id)
	refusal := requireRefused(t, err, stockholdv1.Reason_REASON_RELEASED)
	require.Empty(t, refusal.GetShortages(), "a plain Confirm does not look whether they would fit")

	taken, err := e.confirmAgain(t, id)
	require.NoError(t, err)
	require.False(t, taken.GetReplayed())
	require.Equal(t, stockholdv1.State_STATE_CONFIRMED, taken.GetReservation().GetState())
	require.Equal(t, stockholdv1.ResolvedBy_RESOLVED_BY_CALLER, taken.GetReservation().GetResolvedBy())
	again, err := e.confirmAgain(t, id)
	require.NoError(t, err)
	require.True(t, again.GetReplayed())
	e.requireStock(t, sku, 5, 0, 2)
}

// Once taking again was refused, the caller refunds; a late duplicate of its call
// must not take the goods after all, even if they are back.
func testReserveAgainAfterTheRefund(t *testing.T, e *env) {
	skus := e.skusOf(t, 5, 5)
	id := e.holdBriefly(t, line(skus[0], 4), line(skus[1], 1))
	e.expire(t, id)
	rival := e.hold(t, line(skus[0], 2))
	_, err := e.confirmAgain(t, id)
	refusal := requireRefused(t, err, stockholdv1.Reason_REASON_RELEASED)
	require.Len(t, refusal.GetShortages(), 1)
	requireEqual(t, &stockholdv1.Shortage{Sku: skus[0], LocationId: "default", Requested: 4, Available: 3}, refusal.GetShortages()[0], "the shortage")
	require.Equal(t, stockholdv1.State_STATE_CANCELED, refusal.GetReservation().GetState())

	_, err = e.cancel(t, rival)
	require.NoError(t, err)
	_, err = e.confirmAgain(t, id)
	requireRefused(t, err, stockholdv1.Reason_REASON_RELEASED)
	refund, err := e.cancel(t, id)
	require.NoError(t, err)
	require.True(t, refund.GetReplayed())
	for _, sku := range skus {
		e.requireStock(t, sku, 5, 0, 0)
	}
}

// resolved_by is who made the last change of state, and resolved_at when.
func testWhoResolved(t *testing.T, e *env) {
	sku := e.sku(t, 10)
	brief := e.holdBriefly(t, line(sku, 1))
	e.expire(t, brief)
	committed, aborted := e.hold(t, line(sku, 1)), e.hold(t, line(sku, 1))
	require.NoError(t, e.sweep(t, committed, reservation.Confirm).Err)
	require.NoError(t, e.sweep(t, aborted, reservation.CancelKnown).Err)
	confirmed := e.hold(t, line(sku, 1))
	_, err := e.confirm(t, confirmed)
	require.NoError(t, err)
	for id, by := range map[string]stockholdv1.ResolvedBy{
		brief:                   stockholdv1.ResolvedBy_RESOLVED_BY_POLICY,
		committed:               stockholdv1.ResolvedBy_RESOLVED_BY_CHECK_BACK,
		aborted:                 stockholdv1.ResolvedBy_RESOLVED_BY_CHECK_BACK,
		confirmed:               stockholdv1.ResolvedBy_RESOLVED_BY_CALLER,
		e.hold(t, line(sku, 1)): stockholdv1.ResolvedBy_RESOLVED_BY_UNSPECIFIED,
	} {
		r := e.get(t, id)
		require.Equal(t, by, r.GetResolvedBy(), r.GetState())
		require.Equal(t, by != 0, r.GetResolvedAt() != nil)
		if r.GetResolvedAt() != nil {
			require.False(t, r.GetResolvedAt().AsTime().Before(r.GetCreatedAt().AsTime()))
		}
	}
	// The last change counts, not the first.
	fulfilled, err := e.Reservations.Fulfill(t.Context(), &stockholdv1.FulfillRequest{ReservationId: committed, Owner: e.owner})
	require.NoError(t, err)
	require.Equal(t, stockholdv1.ResolvedBy_RESOLVED_BY_CALLER, fulfilled.GetReservation().GetResolvedBy())
}
