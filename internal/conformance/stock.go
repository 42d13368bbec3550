package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

func (e *env) set(t testing.TB, sku string, onHand int64, id string) (*stockholdv1.SetStockResponse, error) {
	t.Helper()
	return e.Inventory.SetStock(t.Context(), &stockholdv1.SetStockRequest{Sku: sku, OnHand: onHand, AdjustmentId: id})
}

func (e *env) adjust(t testing.TB, sku string, delta int64, id string) (*stockholdv1.AdjustStockResponse, error) {
	t.Helper()
	return e.Inventory.AdjustStock(t.Context(), &stockholdv1.AdjustStockRequest{Sku: sku, Delta: delta, AdjustmentId: id})
}

// emptySKU is a sku with a stock row of no units.
func (e *env) emptySKU(t testing.TB) string {
	t.Helper()
	sku := e.name("sku")
	_, err := e.set(t, sku, 0, "")
	require.NoError(t, err)
	e.skus = append(e.skus, sku)
	return sku
}

func (e *env) requireNoRow(t testing.TB, sku string) {
	t.Helper()
	_, err := e.Inventory.GetStock(t.Context(), &stockholdv1.GetStockRequest{Sku: sku})
	refusal := requireRefused(t, err, stockholdv1.Reason_REASON_UNKNOWN_SKU)
	require.Equal(t, sku, refusal.GetShortages()[0].GetSku())
}

func testSetStock(t *testing.T, e *env) {
	sku := e.unknown()
	e.requireNoRow(t, sku)
	made, err := e.Inventory.SetStock(t.Context(), &stockholdv1.SetStockRequest{Sku: sku, OnHand: 0, Reason: "count", Reference: "sheet 1"})
	require.NoError(t, err, "a row may begin empty")
	e.skus = append(e.skus, sku)
	require.Equal(t, "default", made.GetStock().GetLocationId())
	set, err := e.set(t, sku, 12, "")
	require.NoError(t, err)
	require.False(t, set.GetReplayed())
	require.Greater(t, set.GetStock().GetVersion(), made.GetStock().GetVersion())
	requireEqual(t, set.GetStock(), e.stock(t, sku), "the answer is the row")
	e.requireStock(t, sku, 12, 0, 0)

	// A row of another location is another row.
	elsewhere := &stockholdv1.SetStockRequest{Sku: sku, LocationId: e.name("l"), OnHand: 99}
	_, err = e.Inventory.SetStock(t.Context(), elsewhere)
	require.NoError(t, err)
	e.requireStock(t, sku, 12, 0, 0)
	_, err = e.try(t, e.id(), &stockholdv1.Line{Sku: sku, LocationId: elsewhere.GetLocationId(), Quantity: 100})
	requireRefused(t, err, stockholdv1.Reason_REASON_INSUFFICIENT_STOCK)
}

func testSetStockExpectsWhatWasSeen(t *testing.T, e *env) {
	sku, id := e.unknown(), e.name("adj")
	expecting := func(expected, onHand int64, id string) (*stockholdv1.SetStockResponse, error) {
		return e.Inventory.SetStock(t.Context(), &stockholdv1.SetStockRequest{Sku: sku, OnHand: onHand, ExpectedOnHand: proto.Int64(expected), AdjustmentId: id})
	}
	_, err := expecting(5, 7, "")
	requireRefused(t, err, stockholdv1.Reason_REASON_STALE)
	e.requireNoRow(t, sku)
	_, err = expecting(0, 7, id) // a row that is not there counts as 0
	require.NoError(t, err)
	e.skus = append(e.skus, sku)
	_, err = expecting(0, 9, "")
	requireRefused(t, err, stockholdv1.Reason_REASON_STALE)
	e.requireStock(t, sku, 7, 0, 0)

	// A known id replays before anybody compares.
	again, err := expecting(0, 7, id)
	require.NoError(t, err)
	require.True(t, again.GetReplayed())
	// What is held is no part of on_hand.
	e.hold(t, line(sku, 3))
	_, err = expecting(7, 8, "")
	require.NoError(t, err)
	e.requireStock(t, sku, 8, 3, 0)
}

func testAdjustStock(t *testing.T, e *env) {
	sku := e.unknown()
	_, err := e.adjust(t, sku, -1, "")
	refusal := requireRefused(t, err, stockholdv1.Reason_REASON_INSUFFICIENT_STOCK)
	requireEqual(t, &stockholdv1.Shortage{Sku: sku, LocationId: "default", Requested: 1, Available: 0}, refusal.GetShortages()[0], "the shortage")
	e.requireNoRow(t, sku)
	made, err := e.adjust(t, sku, 5, "")
	require.NoError(t, err)
	e.skus = append(e.skus, sku)
	requireEqual(t, made.GetStock(), e.stock(t, sku), "the answer is the row")

	_, err = e.adjust(t, sku, -6, "")
	refusal = requireRefused(t, err, stockholdv1.Reason_REASON_INSUFFICIENT_STOCK)
	requireEqual(t, &stockholdv1.Shortage{Sku: sku, LocationId: "default", Requested: 6, Available: 5}, refusal.GetShortages()[0], "the shortage")
	requireEqual(t, made.GetStock(), e.stock(t, sku), "nothing changes")
	_, err = e.adjust(t, sku, -5, "")
	require.NoError(t, err)
	e.requireStock(t, sku, 0, 0, 0)

	// Units that are held can be taken away all the same.
	_, err = e.adjust(t, sku, 4, "")
	require.NoError(t, err)
	e.hold(t, line(sku, 3))
	_, err = e.adjust(t, sku, -4, "")
	require.NoError(t, err)
	e.requireStock(t, sku, 0, 3, 0)
}

// A change is done once per id, however often it is sent, and whatever came since.
func testAdjustmentIDs(t *testing.T, e *env) {
	sku, other := e.sku(t, 5), e.sku(t, 5)
	add, count := e.name("adj"), e.name("adj")
	first, err := e.Inventory.AdjustStock(t.Context(), &stockholdv1.AdjustStockRequest{Sku: sku, Delta: -3, AdjustmentId: add, Reason: "broken", Reference: "shelf 4"})
	require.NoError(t, err)
	require.False(t, first.GetReplayed())
	again, err := e.Inventory.AdjustStock(t.Context(), &stockholdv1.AdjustStockRequest{Sku: sku, Delta: -3, AdjustmentId: add, Reason: "was broken"})
	require.NoError(t, err, "it would be impossible now, and the notes differ: still a repeat")
	require.True(t, again.GetReplayed())
	requireEqual(t, first.GetStock(), again.GetStock(), "the row as it is")
	e.requireStock(t, sku, 2, 0, 0)

	_, err = e.set(t, sku, 8, count)
	require.NoError(t, err)
	_, err = e.adjust(t, sku, 1, "")
	require.NoError(t, err)
	recount, err := e.set(t, sku, 8, count)
	require.NoError(t, err)
	require.True(t, recount.GetReplayed())
	require.Equal(t, int64(9), recount.GetStock().GetOnHand(), "a late repeat does not undo what came since")

	for name, reuse := range map[string]func() error{
		"another delta":    func() error { _, err := e.adjust(t, sku, -2, add); return err },
		"another row":      func() error { _, err := e.adjust(t, other, -3, add); return err },
		"another figure":   func() error { _, err := e.set(t, sku, 7, count); return err },
		"another kind":     func() error { _, err := e.set(t, sku, 3, add); return err },
		"the other kind":   func() error { _, err := e.adjust(t, sku, 8, count); return err },
		"another sku's":    func() error { _, err := e.set(t, other, 8, count); return err },
		"an unknown sku's": func() error { _, err := e.set(t, e.unknown(), 8, count); return err },
	} {
		t.Run(name, func(t *testing.T) { requireRefused(t, reuse(), stockholdv1.Reason_REASON_ID_REUSED) })
	}
	e.requireStock(t, sku, 9, 0, 0)
	e.requireStock(t, other, 5, 0, 0)

	// Without an id a repeat is another change.
	for range 2 {
		_, err := e.adjust(t, other, 1, "")
		require.NoError(t, err)
	}
	e.requireStock(t, other, 7, 0, 0)
}

// A recount may find less than is held. Nothing is released for that, and nothing
// more is promised.
func testRecountBelowWhatIsHeld(t *testing.T, e *env) {
	sku := e.sku(t, 5)
	id := e.hold(t, line(sku, 5))
	counted, err := e.set(t, sku, 3, "")
	require.NoError(t, err)
	require.Equal(t, int64(-2), counted.GetStock().GetAvailable())
	_, err = e.try(t, e.id(), line(sku, 1))
	refusal := requireRefused(t, err, stockholdv1.Reason_REASON_INSUFFICIENT_STOCK)
	require.Equal(t, int64(-2), refusal.GetShortages()[0].GetAvailable())
	again, err := e.try(t, id, line(sku, 5))
	require.NoError(t, err, "who holds keeps")
	require.True(t, again.GetReplayed())
	_, err = e.confirm(t, id)
	require.NoError(t, err)
	e.requireStock(t, sku, 3, 0, 5)
	_, err = e.set(t, sku, 6, "")
	require.NoError(t, err)
	e.hold(t, line(sku, 1))
	e.requireStock(t, sku, 6, 1, 5)
}

// What was shipped was shipped, whatever the books say was there.
func testFulfillIsNeverRefusedForStock(t *testing.T, e *env) {
	sku := e.sku(t, 4)
	id := e.hold(t, line(sku, 4))
	_, err := e.confirm(t, id)
	require.NoError(t, err)
	_, err = e.set(t, sku, 1, "")
	require.NoError(t, err)
	_, err = e.Reservations.Fulfill(t.Context(), &stockholdv1.FulfillRequest{ReservationId: id, Owner: e.owner})
	require.NoError(t, err)
	e.requireStock(t, sku, -3, 0, 0)
	// Adding is allowed below 0, taking away is not.
	_, err = e.adjust(t, sku, 1, "")
	require.NoError(t, err)
	_, err = e.adjust(t, sku, -1, "")
	requireRefused(t, err, stockholdv1.Reason_REASON_INSUFFICIENT_STOCK)
	e.requireStock(t, sku, -2, 0, 0)
	_, err = e.set(t, sku, 10, "")
	require.NoError(t, err)
	e.requireStock(t, sku, 10, 0, 0)
}
