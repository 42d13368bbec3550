package conformance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// Each limit of the contract at its edge: what is just allowed, and what is just
// not, with the field that the refusal names.
func testLimits(t *testing.T, e *env) {
	for _, group := range []struct {
		name string
		test func(*testing.T, *env)
	}{
		{"Names", testNameLimits},
		{"Try", testTryLimits},
		{"TTL", testTTLLimits},
		{"Text", testTextLimits},
		{"Stock", testStockLimits},
		{"PageSize", testPageSizeLimits},
	} {
		t.Run(group.name, func(t *testing.T) { group.test(t, e) })
	}
}

// long is a name of exactly n characters that no other case has.
func (e *env) long(n int) string {
	name := e.name("n")
	return name + strings.Repeat("x", n-len(name))
}

// badNames break the rule of ids, owners and locations.
var badNames = []string{"a b", "a/b", "a{b", "é", "a\n", "a\x00", "a,b", "a@b", "a|b", "a~"}

// badSKUs break the rule of skus.
var badSKUs = []string{"a b", "a{b", "a}b", "é", "a\n", "a\x7f", "a\x00"}

func testNameLimits(t *testing.T, e *env) {
	ctx := t.Context()
	get := func(id, owner string) error {
		_, err := e.Reservations.GetReservation(ctx, &stockholdv1.GetReservationRequest{ReservationId: id, Owner: owner})
		return err
	}
	stock := func(sku, location string) error {
		_, err := e.Inventory.GetStock(ctx, &stockholdv1.GetStockRequest{Sku: sku, LocationId: location})
		return err
	}
	for _, good := range []string{e.long(64), "a", "A.b_c:d-9"} {
		requireRefused(t, get(good, good), stockholdv1.Reason_REASON_NOT_FOUND)
		requireRefused(t, stock(e.unknown(), good), stockholdv1.Reason_REASON_UNKNOWN_SKU)
	}
	for _, bad := range append([]string{e.long(65)}, badNames...) {
		requireInvalid(t, get(bad, ""), "reservation_id")
		requireInvalid(t, get("a", bad), "owner")
		requireInvalid(t, stock("a", bad), "location_id")
	}
	requireInvalid(t, get("", ""), "reservation_id")
	for _, good := range []string{e.long(64), "~!\"#$%&'()*+,-./:;<=>?@[]^_`|\\" + e.unknown()} {
		requireRefused(t, stock(good, ""), stockholdv1.Reason_REASON_UNKNOWN_SKU)
	}
	for _, bad := range append([]string{e.long(65), ""}, badSKUs...) {
		requireInvalid(t, stock(bad, ""), "sku")
	}

	// Every call checks its names.
	for _, tt := range []struct {
		name string
		call func(id, owner string) error
	}{
		{"Try", func(id, owner string) error {
			_, err := e.Reservations.Try(ctx, &stockholdv1.TryRequest{ReservationId: id, Owner: owner, Lines: []*stockholdv1.Line{line("a", 1)}})
			return err
		}},
		{"Confirm", func(id, owner string) error {
			_, err := e.Reservations.Confirm(ctx, &stockholdv1.ConfirmRequest{ReservationId: id, Owner: owner})
			return err
		}},
		{"Cancel", func(id, owner string) error {
			_, err := e.Reservations.Cancel(ctx, &stockholdv1.CancelRequest{ReservationId: id, Owner: owner})
			return err
		}},
		{"Extend", func(id, owner string) error {
			_, err := e.Reservations.Extend(ctx, &stockholdv1.ExtendRequest{ReservationId: id, Owner: owner})
			return err
		}},
		{"Fulfill", func(id, owner string) error {
			_, err := e.Reservations.Fulfill(ctx, &stockholdv1.FulfillRequest{ReservationId: id, Owner: owner})
			return err
		}},
		{"Return", func(id, owner string) error {
			_, err := e.Reservations.Return(ctx, &stockholdv1.ReturnRequest{ReservationId: id, Owner: owner})
			return err
		}},
	} {
		requireInvalid(t, tt.call("", e.owner), "reservation_id")
		requireInvalid(t, tt.call("a", "a b"), "owner")
		refusal := requireRefused(t, tt.call(e.long(65), "a b"), stockholdv1.Reason_REASON_INVALID)
		require.Len(t, refusal.GetViolations(), 2, "%s names every field at fault", tt.name)
	}
}

func testTryLimits(t *testing.T, e *env) {
	sku := e.skusOf(t, 1e9)[0]
	for _, quantity := range []int32{1, 1e9} {
		e.requireNoFault(t, &stockholdv1.TryRequest{ReservationId: e.id(), Lines: []*stockholdv1.Line{line(sku, quantity)}})
	}
	for _, quantity := range []int32{0, -1, 1e9 + 1, 1<<31 - 1, -1 << 31} {
		_, err := e.try(t, e.id(), line(sku, 1), line(sku, quantity))
		refusal := requireRefused(t, err, stockholdv1.Reason_REASON_INVALID)
		require.Equal(t, "lines[1].quantity", refusal.GetViolations()[0].GetField())
	}
	_, err := e.try(t, e.id(), line(sku, 1e9), line(sku, 1))
	requireInvalid(t, err, "lines") // each is allowed, the sum is not
	_, err = e.try(t, e.id(), line(sku, 1), line("a b", 1))
	requireInvalid(t, err, "lines[1].sku")
	_, err = e.try(t, e.id(), &stockholdv1.Line{Sku: sku, LocationId: "a b", Quantity: 1})
	requireInvalid(t, err, "lines[0].location_id")
	_, err = e.Reservations.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: e.id(), Owner: e.owner,
		Lines: []*stockholdv1.Line{line(sku, 1)}, OnExpiry: stockholdv1.OnExpiry_ON_EXPIRY_ASK})
	requireInvalid(t, err, "on_expiry") // nobody can be asked
	_, err = e.Reservations.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: e.id(), Owner: e.owner,
		Lines: []*stockholdv1.Line{line(sku, 1)}, OnExpiry: 99})
	requireInvalid(t, err, "on_expiry")
	e.requireStock(t, sku, 1e9, 0, 0)
}

// Lines are counted after equal ones were added up.
func testLimitsOfLines(t *testing.T, e *env) {
	sku := e.skusOf(t, 1e4)[0]
	_, err := e.try(t, e.id())
	requireInvalid(t, err, "lines")

	var equal, different []*stockholdv1.Line
	for i := range 2001 {
		equal = append(equal, line(sku, 1))
		different = append(different, &stockholdv1.Line{Sku: sku, LocationId: fmt.Sprintf("place-%d", i), Quantity: 1})
	}
	e.requireNoFault(t, &stockholdv1.TryRequest{ReservationId: e.id(), Lines: equal})
	_, err = e.try(t, e.id(), different[:2000]...)
	refusal := requireRefused(t, err, stockholdv1.Reason_REASON_UNKNOWN_SKU)
	require.NotEmpty(t, refusal.GetShortages(), "2,000 lines are well-formed, though nobody has them")
	_, err = e.try(t, e.id(), different...)
	requireInvalid(t, err, "lines")

	var rows []*stockholdv1.AdjustStockRequest
	for _, l := range different[:1000] {
		rows = append(rows, &stockholdv1.AdjustStockRequest{Sku: l.GetSku(), LocationId: l.GetLocationId(), Delta: 1})
	}
	stocked, err := e.Inventory.BatchAdjustStock(t.Context(), &stockholdv1.BatchAdjustStockRequest{Requests: rows})
	require.NoError(t, err)
	for _, outcome := range stocked.GetOutcomes() {
		require.NotNil(t, outcome.GetSuccess(), "%v", outcome)
	}
	e.requireNoFault(t, &stockholdv1.TryRequest{ReservationId: e.id(), Lines: different[:1000]})
}

func testTTLLimits(t *testing.T, e *env) {
	sku := e.sku(t, 1)
	const most = 30 * 24 * time.Hour
	for _, ttl := range []time.Duration{time.Second, most} {
		e.requireNoFault(t, &stockholdv1.TryRequest{ReservationId: e.id(), Lines: []*stockholdv1.Line{line(sku, 1)}, Ttl: durationpb.New(ttl)})
	}
	held := e.hold(t, line(sku, 1))
	for _, ttl := range []*durationpb.Duration{
		{}, durationpb.New(1), durationpb.New(time.Second - time.Microsecond), durationpb.New(most + time.Microsecond),
		durationpb.New(-time.Second), {Seconds: 1e11},
	} {
		_, err := e.Reservations.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: e.id(), Owner: e.owner, Lines: []*stockholdv1.Line{line(sku, 1)}, Ttl: ttl})
		requireInvalid(t, err, "ttl")
		_, err = e.Reservations.Extend(t.Context(), &stockholdv1.ExtendRequest{ReservationId: held, Owner: e.owner, Ttl: ttl})
		requireInvalid(t, err, "ttl")
	}
	_, err := e.extend(t, held, most)
	require.NoError(t, err)
	e.requireStock(t, sku, 1, 1, 0)
}

func testTextLimits(t *testing.T, e *env) {
	sku := e.sku(t, 1)
	good, bad := strings.Repeat("r", 255), strings.Repeat("r", 256)
	e.requireNoFault(t, &stockholdv1.TryRequest{ReservationId: e.id(), Lines: []*stockholdv1.Line{line(sku, 1)}, Reference: good})
	_, err := e.Reservations.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: e.id(), Owner: e.owner, Lines: []*stockholdv1.Line{line(sku, 1)}, Reference: bad})
	requireInvalid(t, err, "reference")
	for _, tt := range []struct{ reason, reference, field string }{{good, good, ""}, {bad, "", "reason"}, {"", bad, "reference"}} {
		_, err := e.Inventory.SetStock(t.Context(), &stockholdv1.SetStockRequest{Sku: sku, OnHand: 1, Reason: tt.reason, Reference: tt.reference})
		if tt.field == "" {
			require.NoError(t, err)
			continue
		}
		requireInvalid(t, err, tt.field)
	}
	_, err = e.Reservations.Cancel(t.Context(), &stockholdv1.CancelRequest{ReservationId: e.id(), Owner: e.owner, Reason: bad})
	requireInvalid(t, err, "reason")
	_, err = e.Reservations.Cancel(t.Context(), &stockholdv1.CancelRequest{ReservationId: e.id(), Owner: e.owner, Reason: good})
	require.NoError(t, err)

	// Any words, in any script, come back as they were.
	id, words := e.id(), "Bestellung № 7 — «тест» 試 🛒 \"'\\ \t\n"
	held, err := e.Reservations.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: id, Owner: e.owner, Lines: []*stockholdv1.Line{line(sku, 1)}, Reference: words})
	require.NoError(t, err)
	require.Equal(t, words, held.GetReservation().GetReference())
	require.Equal(t, words, e.get(t, id).GetReference())
}

func testStockLimits(t *testing.T, e *env) {
	const most = int64(1e12)
	sku := e.sku(t, most)
	for _, onHand := range []int64{-1, most + 1, 1<<63 - 1, -1 << 63} {
		_, err := e.Inventory.SetStock(t.Context(), &stockholdv1.SetStockRequest{Sku: sku, OnHand: onHand})
		requireInvalid(t, err, "on_hand")
	}
	adjust := func(delta int64, id string) error {
		_, err := e.Inventory.AdjustStock(t.Context(), &stockholdv1.AdjustStockRequest{Sku: sku, Delta: delta, AdjustmentId: id})
		return err
	}
	for _, delta := range []int64{0, most + 1, -most - 1, 1<<63 - 1, -1 << 63} {
		requireInvalid(t, adjust(delta, ""), "delta")
	}
	requireInvalid(t, adjust(1, ""), "delta") // it would have more than a row may
	e.requireStock(t, sku, most, 0, 0)
	require.NoError(t, adjust(-most, e.long(64)))
	e.requireStock(t, sku, 0, 0, 0)
	require.NoError(t, adjust(most, ""))
	requireInvalid(t, adjust(-1, e.long(65)), "adjustment_id")
	requireInvalid(t, adjust(-1, "a b"), "adjustment_id")
	_, err := e.Inventory.SetStock(t.Context(), &stockholdv1.SetStockRequest{Sku: "a b", LocationId: "a b", OnHand: -1, AdjustmentId: "a b"})
	require.Len(t, requireRefused(t, err, stockholdv1.Reason_REASON_INVALID).GetViolations(), 4, "every field at fault")
	e.requireStock(t, sku, most, 0, 0)
}

func testPageSizeLimits(t *testing.T, e *env) {
	for size, ok := range map[int32]bool{-1: false, 0: true, 1: true, 500: true, 501: false, -1 << 31: false} {
		_, byOwner := e.Reservations.ListReservations(t.Context(), &stockholdv1.ListReservationsRequest{Owner: e.owner, PageSize: size})
		_, byPlace := e.Inventory.ListStock(t.Context(), &stockholdv1.ListStockRequest{LocationId: e.name("l"), PageSize: size})
		for _, err := range []error{byOwner, byPlace} {
			if ok {
				require.NoError(t, err)
				continue
			}
			requireInvalid(t, err, "page_size")
		}
	}
}

// A body over the limit is refused in the same words by every protocol, is not to
// be repeated, and nothing comes of it.
func testBodyTooLarge(t *testing.T, e *env) {
	sku, id := e.sku(t, 5), e.id()
	_, err := e.Reservations.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: id, Owner: e.owner,
		Lines: []*stockholdv1.Line{line(sku, 1)}, Reference: strings.Repeat("x", 2<<20)})
	refusal := requireRefused(t, err, stockholdv1.Reason_REASON_BODY_TOO_LARGE)
	require.Nil(t, refusal.GetRetryAfter())
	require.Nil(t, e.get(t, id))
	e.requireStock(t, sku, 5, 0, 0)
}
