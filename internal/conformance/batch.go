package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// A batch of no items, or of too many, is refused as a whole.
func testBatchSizes(t *testing.T, e *env) {
	batch := func(n int) (*stockholdv1.BatchCancelResponse, error) {
		request := &stockholdv1.BatchCancelRequest{}
		for range n {
			request.Requests = append(request.Requests, &stockholdv1.CancelRequest{ReservationId: e.id(), Owner: e.owner})
		}
		return e.Reservations.BatchCancel(t.Context(), request)
	}
	_, err := batch(0)
	requireInvalid(t, err, "requests")
	_, err = batch(1001)
	requireInvalid(t, err, "requests")
	most, err := batch(1000)
	require.NoError(t, err)
	require.Len(t, most.GetOutcomes(), 1000)
	for _, outcome := range most.GetOutcomes() {
		require.Equal(t, stockholdv1.State_STATE_CANCELED, outcome.GetSuccess().GetReservation().GetState())
	}
}

// Items are independent, and answered in the order in which they were asked.
func testBatchOutcomes(t *testing.T, e *env) {
	sku, unknown := e.sku(t, 5), e.unknown()
	known, canceled, fresh, twice := e.hold(t, line(sku, 1)), e.id(), e.id(), e.id()
	_, err := e.cancel(t, canceled)
	require.NoError(t, err)
	try := func(id string, lines ...*stockholdv1.Line) *stockholdv1.TryRequest {
		return &stockholdv1.TryRequest{ReservationId: id, Owner: e.owner, Lines: lines}
	}
	tried, err := e.Reservations.BatchTry(t.Context(), &stockholdv1.BatchTryRequest{Requests: []*stockholdv1.TryRequest{
		try(known, line(sku, 1)),
		try("no id", line(sku, 1)),
		try(canceled, line(sku, 1)),
		try(fresh, line(sku, 2)),
		{ReservationId: e.id(), Owner: e.owner, Lines: []*stockholdv1.Line{line(sku, 1)}, OnExpiry: 99},
		try(e.id(), line(unknown, 1)),
		try(known, line(sku, 2)),
		try(e.id(), line(sku, 100)),
		try(twice, line(sku, 1)),
		try(twice, line(sku, 1)),
	}})
	require.NoError(t, err)
	want := []string{"replay", "INVALID", "CANCELED", "RESERVED", "INVALID", "UNKNOWN_SKU", "ID_REUSED", "INSUFFICIENT_STOCK"}
	outcomes := wordsOf(t, tried.GetOutcomes())
	require.Equal(t, want, outcomes[:len(want)])
	require.ElementsMatch(t, []string{"RESERVED", "replay"}, outcomes[len(want):], "one of two that are alike is done, the other replays")
	require.Equal(t, fresh, tried.GetOutcomes()[3].GetSuccess().GetReservation().GetReservationId())
	require.Equal(t, "reservation_id", tried.GetOutcomes()[1].GetFailure().GetRefusal().GetViolations()[0].GetField(), "the path begins at the item")
	require.Equal(t, "on_expiry", tried.GetOutcomes()[4].GetFailure().GetRefusal().GetViolations()[0].GetField())
	requireEqual(t, e.get(t, known), tried.GetOutcomes()[6].GetFailure().GetRefusal().GetReservation(), "the reservation in the way")
	e.requireStock(t, sku, 5, 4, 0)

	expired := e.holdBriefly(t, line(sku, 1))
	e.expire(t, expired)
	confirm := func(id string) *stockholdv1.ConfirmRequest {
		return &stockholdv1.ConfirmRequest{ReservationId: id, Owner: e.owner}
	}
	again := confirm(expired)
	again.IfReleased = stockholdv1.IfReleased_IF_RELEASED_RESERVE_AGAIN
	strange := confirm(known)
	strange.IfReleased = 99
	confirmed, err := e.Reservations.BatchConfirm(t.Context(), &stockholdv1.BatchConfirmRequest{Requests: []*stockholdv1.ConfirmRequest{
		confirm(fresh), confirm(e.id()), confirm(canceled), strange, again,
	}})
	require.NoError(t, err)
	require.Equal(t, []string{"CONFIRMED", "NOT_FOUND", "RELEASED", "INVALID", "CONFIRMED"}, wordsOf(t, confirmed.GetOutcomes()))
	e.requireStock(t, sku, 5, 2, 3)

	cancel := func(id string) *stockholdv1.CancelRequest {
		return &stockholdv1.CancelRequest{ReservationId: id, Owner: e.owner}
	}
	canceledNow, err := e.Reservations.BatchCancel(t.Context(), &stockholdv1.BatchCancelRequest{Requests: []*stockholdv1.CancelRequest{
		cancel(known), cancel(fresh), cancel(canceled), cancel(e.id()), cancel(""),
	}})
	require.NoError(t, err)
	require.Equal(t, []string{"CANCELED", "ALREADY_CONFIRMED", "replay", "CANCELED", "INVALID"}, wordsOf(t, canceledNow.GetOutcomes()))
	e.requireStock(t, sku, 5, 1, 3)
}

// wordsOf says what became of each item: its state, "replay", or the reason.
func wordsOf(t testing.TB, outcomes []*stockholdv1.ReservationOutcome) []string {
	t.Helper()
	var words []string
	for _, outcome := range outcomes {
		switch success := outcome.GetSuccess(); {
		case success == nil:
			words = append(words, wordOf(t, outcome.GetFailure()))
		case success.GetReplayed():
			words = append(words, "replay")
		default:
			words = append(words, success.GetReservation().GetState().String()[len("STATE_"):])
		}
	}
	return words
}

// wordOf checks a failure as [RefusalOf] does an error, and returns its reason.
func wordOf(t testing.TB, failure *stockholdv1.Failure) string {
	t.Helper()
	require.NotNil(t, failure)
	require.NotEmpty(t, failure.GetMessage())
	reason := failure.GetRefusal().GetReason()
	require.Equal(t, int32(Codes[reason]), failure.GetCode(), "%v", failure)
	checkRefusal(t, failure.GetRefusal())
	return reason.String()[len("REASON_"):]
}

func testBatchOfStock(t *testing.T, e *env) {
	skus := e.skusOf(t, 5, 5)
	id, fresh := e.name("adj"), e.unknown()
	adjust := func(sku string, delta int64, id string) *stockholdv1.AdjustStockRequest {
		return &stockholdv1.AdjustStockRequest{Sku: sku, Delta: delta, AdjustmentId: id}
	}
	requests := []*stockholdv1.AdjustStockRequest{
		adjust(skus[0], 3, id),
		adjust(skus[1], -6, ""),
		adjust(skus[1], -5, e.name("adj")),
		adjust(fresh, 7, ""),
		adjust(skus[1], 0, ""),
		adjust("no sku", 1, ""),
	}
	answer, err := e.Inventory.BatchAdjustStock(t.Context(), &stockholdv1.BatchAdjustStockRequest{Requests: requests})
	require.NoError(t, err)
	require.Equal(t, int64(8), answer.GetOutcomes()[0].GetSuccess().GetStock().GetOnHand())
	require.Equal(t, "INSUFFICIENT_STOCK", wordOf(t, answer.GetOutcomes()[1].GetFailure()))
	require.Equal(t, int64(0), answer.GetOutcomes()[2].GetSuccess().GetStock().GetOnHand())
	require.Equal(t, int64(7), answer.GetOutcomes()[3].GetSuccess().GetStock().GetOnHand())
	require.Equal(t, "INVALID", wordOf(t, answer.GetOutcomes()[4].GetFailure()))
	require.Equal(t, "INVALID", wordOf(t, answer.GetOutcomes()[5].GetFailure()))

	// Those that have an id replay; the others add again.
	answer, err = e.Inventory.BatchAdjustStock(t.Context(), &stockholdv1.BatchAdjustStockRequest{Requests: append(requests[:4:4], adjust(skus[0], 4, id))})
	require.NoError(t, err)
	require.True(t, answer.GetOutcomes()[0].GetSuccess().GetReplayed())
	require.True(t, answer.GetOutcomes()[2].GetSuccess().GetReplayed())
	require.Equal(t, int64(14), answer.GetOutcomes()[3].GetSuccess().GetStock().GetOnHand())
	require.Equal(t, "ID_REUSED", wordOf(t, answer.GetOutcomes()[4].GetFailure()))
	e.requireStock(t, skus[0], 8, 0, 0)
	e.requireStock(t, skus[1], 0, 0, 0)
}
