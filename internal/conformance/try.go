package conformance

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/reservation"
)

func testTryFillsInDefaults(t *testing.T, e *env) {
	sku := e.sku(t, 5)
	id := e.id()
	answer, err := e.Reservations.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: id, Lines: []*stockholdv1.Line{line(sku, 2)}, Reference: "cart 7"})
	require.NoError(t, err)
	r := answer.GetReservation()
	require.False(t, answer.GetReplayed())
	require.Equal(t, "default", r.GetOwner())
	requireEqual(t, &stockholdv1.Line{Sku: sku, LocationId: "default", Quantity: 2}, r.GetLines()[0], "the line")
	require.Equal(t, "cart 7", r.GetReference())
	require.Equal(t, stockholdv1.State_STATE_RESERVED, r.GetState())
	require.Equal(t, stockholdv1.OnExpiry_ON_EXPIRY_RELEASE, r.GetOnExpiry(), "nobody can be asked")
	require.Equal(t, 15*time.Minute, r.GetExpiresAt().AsTime().Sub(r.GetCreatedAt().AsTime()))
	require.WithinDuration(t, time.Now(), r.GetCreatedAt().AsTime(), time.Minute)
	require.Nil(t, r.GetResolvedAt())
	require.Equal(t, stockholdv1.ResolvedBy_RESOLVED_BY_UNSPECIFIED, r.GetResolvedBy())
	require.False(t, r.GetParked())

	// What is written out is the same as what is left out.
	again, err := e.Reservations.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: id, Owner: "default",
		Lines: []*stockholdv1.Line{{Sku: sku, LocationId: "default", Quantity: 2}}})
	require.NoError(t, err)
	require.True(t, again.GetReplayed())
	requireEqual(t, r, again.GetReservation(), "the replay")
	_, err = e.Reservations.Cancel(t.Context(), &stockholdv1.CancelRequest{ReservationId: id})
	require.NoError(t, err)

	asked, err := e.Reservations.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: id, Owner: e.server.Asks, Lines: []*stockholdv1.Line{line(sku, 2)}})
	require.NoError(t, err)
	require.Equal(t, stockholdv1.OnExpiry_ON_EXPIRY_ASK, asked.GetReservation().GetOnExpiry(), "this owner can be asked")
	_, err = e.Reservations.Cancel(t.Context(), &stockholdv1.CancelRequest{ReservationId: id, Owner: e.server.Asks})
	require.NoError(t, err)
}

func testTryMergesEqualLines(t *testing.T, e *env) {
	a, b := e.sku(t, 10), e.sku(t, 10)
	id := e.hold(t, line(b, 1), line(a, 2), line(b, 3), &stockholdv1.Line{Sku: a, LocationId: "default", Quantity: 4})
	r := e.get(t, id)
	require.Len(t, r.GetLines(), 2)
	requireEqual(t, &stockholdv1.Line{Sku: a, LocationId: "default", Quantity: 6}, r.GetLines()[0], "merged, and in order")
	requireEqual(t, &stockholdv1.Line{Sku: b, LocationId: "default", Quantity: 4}, r.GetLines()[1], "merged, and in order")
	e.requireStock(t, a, 10, 6, 0)
	e.requireStock(t, b, 10, 4, 0)

	// The same hold, however it is written.
	again, err := e.try(t, id, line(b, 4), line(a, 5), line(a, 1))
	require.NoError(t, err)
	require.True(t, again.GetReplayed())
	_, err = e.try(t, id, line(b, 4), line(a, 5))
	requireRefused(t, err, stockholdv1.Reason_REASON_ID_REUSED)

	// Each line fits, their sum does not.
	_, err = e.try(t, e.id(), line(a, 2), line(a, 3))
	refusal := requireRefused(t, err, stockholdv1.Reason_REASON_INSUFFICIENT_STOCK)
	require.Len(t, refusal.GetShortages(), 1)
	requireEqual(t, &stockholdv1.Shortage{Sku: a, LocationId: "default", Requested: 5, Available: 4}, refusal.GetShortages()[0], "the shortage")
}

func testTryIsAllOrNothing(t *testing.T, e *env) {
	skus := append(e.skusOf(t, 10, 1, 10), e.emptySKU(t))
	id := e.id()
	_, err := e.try(t, id, line(skus[0], 2), line(skus[1], 2), line(skus[2], 2), line(skus[3], 1))
	refusal := requireRefused(t, err, stockholdv1.Reason_REASON_INSUFFICIENT_STOCK)
	require.Len(t, refusal.GetShortages(), 2, "every line that does not fit")
	requireEqual(t, &stockholdv1.Shortage{Sku: skus[1], LocationId: "default", Requested: 2, Available: 1}, refusal.GetShortages()[0], "the first")
	requireEqual(t, &stockholdv1.Shortage{Sku: skus[3], LocationId: "default", Requested: 1, Available: 0}, refusal.GetShortages()[1], "the second")

	unknown := []string{e.unknown(), e.unknown()}
	_, err = e.try(t, id, line(skus[0], 2), line(unknown[0], 2), line(unknown[1], 3))
	refusal = requireRefused(t, err, stockholdv1.Reason_REASON_UNKNOWN_SKU)
	require.Len(t, refusal.GetShortages(), 2, "every line that is not known")
	requireEqual(t, &stockholdv1.Shortage{Sku: unknown[0], LocationId: "default", Requested: 2}, refusal.GetShortages()[0], "the first")
	requireEqual(t, &stockholdv1.Shortage{Sku: unknown[1], LocationId: "default", Requested: 3}, refusal.GetShortages()[1], "the second")

	require.Nil(t, e.get(t, id), "a refused Try leaves nothing")
	for i, units := range []int64{10, 1, 10, 0} {
		e.requireStock(t, skus[i], units, 0, 0)
	}
}

// A repeat must not be refused for the units that it holds itself.
func testTryOfTheLastUnitReplays(t *testing.T, e *env) {
	sku := e.sku(t, 1)
	id := e.hold(t, line(sku, 1))
	for range 3 {
		again, err := e.try(t, id, line(sku, 1))
		require.NoError(t, err)
		require.True(t, again.GetReplayed())
		e.requireStock(t, sku, 1, 1, 0)
	}
	_, err := e.try(t, e.id(), line(sku, 1))
	requireRefused(t, err, stockholdv1.Reason_REASON_INSUFFICIENT_STOCK)
	_, err = e.confirm(t, id)
	require.NoError(t, err)
	again, err := e.try(t, id, line(sku, 1))
	require.NoError(t, err)
	require.True(t, again.GetReplayed())
	require.Equal(t, stockholdv1.State_STATE_CONFIRMED, again.GetReservation().GetState(), "the replay says what is now")
	e.requireStock(t, sku, 1, 0, 1)
}

func testTryMaySucceedAfterARestock(t *testing.T, e *env) {
	sku, id := e.sku(t, 1), e.id()
	_, err := e.try(t, id, line(sku, 2))
	requireRefused(t, err, stockholdv1.Reason_REASON_INSUFFICIENT_STOCK)
	_, err = e.Inventory.AdjustStock(t.Context(), &stockholdv1.AdjustStockRequest{Sku: sku, Delta: 1})
	require.NoError(t, err)
	held, err := e.try(t, id, line(sku, 2))
	require.NoError(t, err)
	require.False(t, held.GetReplayed())

	// Also of a sku that was not known a moment ago.
	late := e.unknown()
	_, err = e.try(t, e.id(), line(late, 1))
	requireRefused(t, err, stockholdv1.Reason_REASON_UNKNOWN_SKU)
	_, err = e.Inventory.AdjustStock(t.Context(), &stockholdv1.AdjustStockRequest{Sku: late, Delta: 1})
	require.NoError(t, err)
	e.hold(t, line(late, 1))
	e.requireStock(t, late, 1, 1, 0)
}

func testTryAfterNotAfter(t *testing.T, e *env) {
	sku := e.sku(t, 10)
	try := func(id string, notAfter *timestamppb.Timestamp) (*stockholdv1.TryResponse, error) {
		return e.Reservations.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: id, Owner: e.owner, NotAfter: notAfter, Lines: []*stockholdv1.Line{line(sku, 1)}})
	}
	for _, past := range []*timestamppb.Timestamp{timestamppb.New(time.Now().Add(-time.Hour)), {}, timestamppb.New(time.Time{})} {
		id := e.id()
		_, err := try(id, past)
		requireRefused(t, err, stockholdv1.Reason_REASON_TOO_LATE)
		require.Nil(t, e.get(t, id), "it leaves nothing behind")
	}
	e.requireStock(t, sku, 10, 0, 0)
	e.requireNoFault(t, &stockholdv1.TryRequest{ReservationId: e.id(), Lines: []*stockholdv1.Line{line(sku, 1)},
		NotAfter: timestamppb.New(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC))})

	// A Try that was held before still replays when its time is over.
	// On a busy machine it takes more than one attempt to be in time.
	var id string
	var soon *timestamppb.Timestamp
	for window := time.Second; ; window *= 2 {
		id, soon = e.id(), timestamppb.New(time.Now().Add(window))
		_, err := try(id, soon)
		if err == nil {
			break
		}
		requireRefused(t, err, stockholdv1.Reason_REASON_TOO_LATE)
		require.Less(t, window, time.Minute, "no Try is in time")
	}
	for since := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		late := e.id()
		if _, err := try(late, soon); err != nil {
			requireRefused(t, err, stockholdv1.Reason_REASON_TOO_LATE)
			break
		}
		_, err := e.cancel(t, late)
		require.NoError(t, err)
		require.Less(t, time.Since(since), patience, "no Try is late")
	}
	again, err := try(id, soon)
	require.NoError(t, err)
	require.True(t, again.GetReplayed())
	e.requireStock(t, sku, 10, 1, 0)
}

// requireNoFault makes a hold, of the case's owner, and cancels it.
func (e *env) requireNoFault(t testing.TB, request *stockholdv1.TryRequest) {
	t.Helper()
	request = proto.CloneOf(request)
	request.Owner = e.owner
	_, err := e.Reservations.Try(t.Context(), request)
	require.NoError(t, err)
	_, err = e.cancel(t, request.GetReservationId())
	require.NoError(t, err)
}

// Malformed, known id, TOO_LATE, unknown sku, shortage: a Try to which several
// apply hears of the first. Only a shortage may come earlier, from the gate.
func testTryRefusalsKeepTheirOrder(t *testing.T, e *env) {
	sku, unknown := e.sku(t, 1), e.unknown()
	canceled := e.id()
	_, err := e.cancel(t, canceled)
	require.NoError(t, err)
	held := e.hold(t, line(sku, 1)) // and nothing is left

	past := timestamppb.New(time.Now().Add(-time.Hour))
	bad := durationpb.New(0)
	short, strange := []*stockholdv1.Line{line(sku, 5)}, []*stockholdv1.Line{line(unknown, 1), line(sku, 5)}
	for _, tt := range []struct {
		name    string
		request *stockholdv1.TryRequest
		want    stockholdv1.Reason
		early   bool // the gate may have stopped it for the shortage
	}{
		{"all at once", &stockholdv1.TryRequest{ReservationId: canceled, Ttl: bad, NotAfter: past, Lines: strange}, stockholdv1.Reason_REASON_INVALID, false},
		{"all but malformed", &stockholdv1.TryRequest{ReservationId: canceled, NotAfter: past, Lines: strange}, stockholdv1.Reason_REASON_CANCELED, false},
		{"known, with other lines", &stockholdv1.TryRequest{ReservationId: held, NotAfter: past, Lines: strange}, stockholdv1.Reason_REASON_ID_REUSED, false},
		{"known, and short", &stockholdv1.TryRequest{ReservationId: held, Lines: short}, stockholdv1.Reason_REASON_ID_REUSED, false},
		{"too late and unknown", &stockholdv1.TryRequest{ReservationId: e.id(), NotAfter: past, Lines: strange}, stockholdv1.Reason_REASON_TOO_LATE, true},
		{"too late and short", &stockholdv1.TryRequest{ReservationId: e.id(), NotAfter: past, Lines: short}, stockholdv1.Reason_REASON_TOO_LATE, true},
		{"unknown and short", &stockholdv1.TryRequest{ReservationId: e.id(), Lines: strange}, stockholdv1.Reason_REASON_UNKNOWN_SKU, true},
		{"short", &stockholdv1.TryRequest{ReservationId: e.id(), Lines: short}, stockholdv1.Reason_REASON_INSUFFICIENT_STOCK, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.request.Owner = e.owner
			_, err := e.Reservations.Try(t.Context(), tt.request)
			refusal := RefusalOf(t, err)
			if tt.early && !e.server.GateAway && refusal.GetReason() != tt.want {
				require.Contains(t, []stockholdv1.Reason{stockholdv1.Reason_REASON_UNKNOWN_SKU, stockholdv1.Reason_REASON_INSUFFICIENT_STOCK}, refusal.GetReason())
				return
			}
			require.Equal(t, tt.want, refusal.GetReason())
		})
	}
	// A replay stands before everything but a malformed call.
	again, err := e.Reservations.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: held, Owner: e.owner, NotAfter: past, Lines: []*stockholdv1.Line{line(sku, 1)}})
	require.NoError(t, err)
	require.True(t, again.GetReplayed())
	e.requireStock(t, sku, 1, 1, 0)
}

// A Cancel that overtook its Try is remembered.
func testCancelBeforeTry(t *testing.T, e *env) {
	sku, id := e.sku(t, 5), e.id()
	first, err := e.Reservations.Cancel(t.Context(), &stockholdv1.CancelRequest{ReservationId: id, Owner: e.owner, Reason: "gave up"})
	require.NoError(t, err)
	require.False(t, first.GetReplayed())
	r := first.GetReservation()
	require.Equal(t, stockholdv1.State_STATE_CANCELED, r.GetState())
	require.Empty(t, r.GetLines())
	require.Nil(t, r.GetExpiresAt())
	require.Equal(t, stockholdv1.OnExpiry_ON_EXPIRY_UNSPECIFIED, r.GetOnExpiry())
	require.Equal(t, stockholdv1.ResolvedBy_RESOLVED_BY_CALLER, r.GetResolvedBy())

	_, err = e.try(t, id, line(sku, 1))
	requireRefused(t, err, stockholdv1.Reason_REASON_CANCELED)
	again, err := e.cancel(t, id)
	require.NoError(t, err)
	require.True(t, again.GetReplayed())
	requireEqual(t, r, again.GetReservation(), "the replay")
	e.requireStock(t, sku, 5, 0, 0)
}

func testOwnersAreApart(t *testing.T, e *env) {
	sku, id := e.sku(t, 5), e.id()
	_, err := e.try(t, id, line(sku, 1))
	require.NoError(t, err)
	other := &stockholdv1.ConfirmRequest{ReservationId: id, Owner: e.name("stranger")}
	_, err = e.Reservations.Confirm(t.Context(), other)
	requireRefused(t, err, stockholdv1.Reason_REASON_NOT_FOUND)
	_, err = e.Reservations.GetReservation(t.Context(), &stockholdv1.GetReservationRequest{ReservationId: id, Owner: other.GetOwner()})
	requireRefused(t, err, stockholdv1.Reason_REASON_NOT_FOUND)
	_, err = e.Reservations.Cancel(t.Context(), &stockholdv1.CancelRequest{ReservationId: id, Owner: other.GetOwner()})
	require.NoError(t, err, "a tombstone of the other owner's")
	e.requireState(t, id, stockholdv1.State_STATE_RESERVED)
	e.requireStock(t, sku, 5, 1, 0)
}

// An id is its bytes: nothing folds case, and no store reads more into it.
func testNamesCompareByBytes(t *testing.T, e *env) {
	upper := e.name("SKU")
	lower := "sku" + upper[3:]
	for sku, units := range map[string]int64{upper: 3, lower: 7} {
		_, err := e.Inventory.SetStock(t.Context(), &stockholdv1.SetStockRequest{Sku: sku, OnHand: units})
		require.NoError(t, err)
		e.skus = append(e.skus, sku)
	}
	id := e.name("id")
	_, err := e.try(t, "A"+id, line(upper, 1))
	require.NoError(t, err)
	held, err := e.try(t, "a"+id, line(lower, 2))
	require.NoError(t, err)
	require.False(t, held.GetReplayed())
	e.requireStock(t, upper, 3, 1, 0)
	e.requireStock(t, lower, 7, 2, 0)

	strange := `'";--` + "`" + `\%_/*~!` + e.name("s")
	_, err = e.Inventory.SetStock(t.Context(), &stockholdv1.SetStockRequest{Sku: strange, OnHand: 1})
	require.NoError(t, err)
	e.skus = append(e.skus, strange)
	held, err = e.try(t, e.id(), line(strange, 1))
	require.NoError(t, err)
	require.Equal(t, strange, held.GetReservation().GetLines()[0].GetSku())
	e.requireStock(t, strange, 1, 1, 0)
	require.Equal(t, reservation.DefaultName, held.GetReservation().GetLines()[0].GetLocationId())
}
