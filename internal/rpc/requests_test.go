package rpc

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/inventory"
	"stockhold/reservation"
)

// Every word of one side has one of the other, and by the same name.
func TestWordsAreTheSameOnBothSides(t *testing.T) {
	for state := reservation.Reserved; state <= reservation.Returned; state++ {
		wire := statesToWire[state]
		require.Equal(t, "STATE_"+state.String(), wire.String())
		require.Equal(t, state, statesFromWire[wire])
	}
	require.Len(t, statesToWire, int(reservation.Returned)+1)
	requireAllKnown(t, statesFromWire, stockholdv1.State_STATE_UNSPECIFIED)

	for expiry := reservation.AskOwner; expiry <= reservation.ConfirmOnExpiry; expiry++ {
		wire := expiriesToWire[expiry]
		require.Equal(t, "ON_EXPIRY_"+expiry.String(), wire.String())
		require.Equal(t, expiry, expiriesFromWire[wire])
	}
	require.Len(t, expiriesToWire, int(reservation.ConfirmOnExpiry)+1)
	require.Equal(t, reservation.DefaultExpiry, expiriesFromWire[stockholdv1.OnExpiry_ON_EXPIRY_UNSPECIFIED])
	requireAllKnown(t, expiriesFromWire)

	for resolver := reservation.ByCaller; resolver <= reservation.ByOperator; resolver++ {
		require.Equal(t, "RESOLVED_BY_"+resolver.String(), resolversToWire[resolver].String())
	}
	require.Equal(t, stockholdv1.ResolvedBy_RESOLVED_BY_UNSPECIFIED, resolversToWire[reservation.Nobody])
	require.Len(t, resolversToWire, len(stockholdv1.ResolvedBy_name))

	requireAllKnown(t, confirmsFromWire)
}

func requireAllKnown[Wire interface {
	comparable
	protoreflect.Enum
}, Domain any](t *testing.T, table map[Wire]Domain, except ...Wire) {
	t.Helper()
	var zero Wire
	require.Len(t, table, zero.Descriptor().Values().Len()-len(except))
}

func TestTryFromTheWire(t *testing.T) {
	notAfter := time.Date(2026, 5, 1, 12, 0, 0, 123456789, time.UTC)
	got, err := tryFromWire(&stockholdv1.TryRequest{
		ReservationId: "o-1", Owner: "orders",
		Lines:     []*stockholdv1.Line{{Sku: "mug", LocationId: "berlin", Quantity: 2}, {Sku: "cup", Quantity: -1}},
		Ttl:       durationpb.New(90 * time.Second),
		OnExpiry:  stockholdv1.OnExpiry_ON_EXPIRY_CONFIRM,
		Reference: "cart 7", NotAfter: timestamppb.New(notAfter),
	}, reservation.DefaultLimits())
	require.NoError(t, err)
	require.Equal(t, reservation.TryRequest{
		ID: reservation.HoldID{Owner: "orders", ID: "o-1"},
		Lines: []reservation.Line{
			{Key: inventory.Key{Location: "berlin", SKU: "mug"}, Quantity: 2},
			{Key: inventory.Key{SKU: "cup"}, Quantity: -1},
		},
		TTL: 90 * time.Second, OnExpiry: reservation.ConfirmOnExpiry, Reference: "cart 7", NotAfter: notAfter,
	}, got)

	got, err = tryFromWire(&stockholdv1.TryRequest{}, reservation.DefaultLimits())
	require.NoError(t, err, "what is left out is the domain's to fill in, or to refuse")
	require.Zero(t, got.TTL)
	require.Zero(t, got.OnExpiry)
	require.True(t, got.NotAfter.IsZero())
}

// What only the wire can see, each with the field that it names.
func TestFaultsOfTheWire(t *testing.T) {
	limits := reservation.DefaultLimits()
	try := func(m *stockholdv1.TryRequest) error { _, err := tryFromWire(m, limits); return err }
	list := func(m *stockholdv1.ListReservationsRequest) error { _, err := filterFromWire(m); return err }
	for name, tt := range map[string]struct {
		err    error
		fields []string
	}{
		"a ttl of zero":                   {try(&stockholdv1.TryRequest{Ttl: &durationpb.Duration{}}), []string{"ttl"}},
		"a ttl of less than the clock's":  {try(&stockholdv1.TryRequest{Ttl: &durationpb.Duration{Nanos: 999}}), []string{"ttl"}},
		"nanoseconds of another sign":     {try(&stockholdv1.TryRequest{Ttl: &durationpb.Duration{Seconds: 60, Nanos: -1}}), []string{"ttl"}},
		"a billion nanoseconds":           {try(&stockholdv1.TryRequest{Ttl: &durationpb.Duration{Seconds: 60, Nanos: 1e9}}), []string{"ttl"}},
		"more seconds than a duration":    {try(&stockholdv1.TryRequest{Ttl: &durationpb.Duration{Seconds: math.MaxInt64}}), []string{"ttl"}},
		"a policy of tomorrow":            {try(&stockholdv1.TryRequest{OnExpiry: 99}), []string{"on_expiry"}},
		"a negative policy":               {try(&stockholdv1.TryRequest{OnExpiry: -1}), []string{"on_expiry"}},
		"a time with negative nanosecond": {try(&stockholdv1.TryRequest{NotAfter: &timestamppb.Timestamp{Nanos: -1}}), []string{"not_after"}},
		"a time after the year 9999":      {try(&stockholdv1.TryRequest{NotAfter: &timestamppb.Timestamp{Seconds: 253402300800}}), []string{"not_after"}},
		"a time before the year 1":        {try(&stockholdv1.TryRequest{NotAfter: &timestamppb.Timestamp{Seconds: -62135596801}}), []string{"not_after"}},
		"several fields": {try(&stockholdv1.TryRequest{Ttl: &durationpb.Duration{}, OnExpiry: 99, NotAfter: &timestamppb.Timestamp{Nanos: -1}}),
			[]string{"ttl", "on_expiry", "not_after"}},
		"a way of tomorrow to confirm": {func() error {
			_, err := confirmFromWire(&stockholdv1.ConfirmRequest{IfReleased: 2}, limits)
			return err
		}(), []string{"if_released"}},
		"an extension of zero": {func() error {
			_, err := extendFromWire(&stockholdv1.ExtendRequest{Ttl: &durationpb.Duration{}}, limits)
			return err
		}(), []string{"ttl"}},
		"no delta": {func() error {
			_, err := adjustmentFromWire(&stockholdv1.AdjustStockRequest{Sku: "mug"}, limits)
			return err
		}(), []string{"delta"}},
		"states that cannot be": {list(&stockholdv1.ListReservationsRequest{States: []stockholdv1.State{1, 0, 99}}), []string{"states[1]", "states[2]"}},
		"times that cannot be": {list(&stockholdv1.ListReservationsRequest{CreatedAfter: &timestamppb.Timestamp{Nanos: -1}, CreatedBefore: &timestamppb.Timestamp{Nanos: 1e9}}),
			[]string{"created_after", "created_before"}},
	} {
		t.Run(name, func(t *testing.T) {
			var refusal *reservation.Refusal
			require.True(t, errors.As(tt.err, &refusal), "%v", tt.err)
			require.Equal(t, reservation.Invalid, refusal.Reason)
			var fields []string
			for _, violation := range refusal.Violations {
				fields = append(fields, violation.Field)
				require.NotEmpty(t, violation.Description)
			}
			require.Equal(t, tt.fields, fields)
		})
	}
}

// The domain's zero time means that there is none; on the wire it is a time.
func TestTheZeroTimeIsLongAgoAndNotLeftOut(t *testing.T) {
	got, err := tryFromWire(&stockholdv1.TryRequest{NotAfter: timestamppb.New(time.Time{})}, reservation.DefaultLimits())
	require.NoError(t, err)
	require.False(t, got.NotAfter.IsZero())
	require.Less(t, got.NotAfter.Year(), 2)
}

func TestFiltersOfOneMeaningAreOne(t *testing.T) {
	one, err := filterFromWire(&stockholdv1.ListReservationsRequest{States: []stockholdv1.State{stockholdv1.State_STATE_EXPIRED, stockholdv1.State_STATE_RESERVED}})
	require.NoError(t, err)
	other, err := filterFromWire(&stockholdv1.ListReservationsRequest{Owner: "default", States: []stockholdv1.State{1, 4, 4, 1}})
	require.NoError(t, err)
	require.Equal(t, one, other)
	require.Equal(t, reservationPages(one), reservationPages(other))
}

func TestChangesFromTheWire(t *testing.T) {
	change, err := recountFromWire(&stockholdv1.SetStockRequest{Sku: "mug", LocationId: "berlin", OnHand: 7, ExpectedOnHand: proto.Int64(0), AdjustmentId: "a", Reason: "count", Reference: "sheet"}, reservation.Limits{})
	require.NoError(t, err)
	require.Equal(t, inventory.Change{ID: "a", Key: inventory.Key{Location: "berlin", SKU: "mug"}, Set: true, Amount: 7,
		Expected: proto.Int64(0), Reason: "count", Reference: "sheet"}, change)

	change, err = adjustmentFromWire(&stockholdv1.AdjustStockRequest{Sku: "mug", Delta: -3}, reservation.Limits{})
	require.NoError(t, err)
	require.Equal(t, inventory.Change{Key: inventory.Key{SKU: "mug"}, Amount: -3}, change)
}

func TestReservationsOnTheWire(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 123456000, time.UTC)
	held := &reservation.Reservation{
		HoldID: reservation.HoldID{Owner: "orders", ID: "o-1"}, State: reservation.Reserved,
		Lines:    []reservation.Line{{Key: inventory.Key{Location: "berlin", SKU: "mug"}, Quantity: 1e9}},
		OnExpiry: reservation.AskOwner, Reference: "cart 7", Reason: "the ledger's own note",
		CreatedAt: at, ExpiresAt: at.Add(time.Hour), ParkedAt: at,
	}
	require.True(t, proto.Equal(&stockholdv1.Reservation{
		ReservationId: "o-1", Owner: "orders", State: stockholdv1.State_STATE_RESERVED,
		Lines:    []*stockholdv1.Line{{Sku: "mug", LocationId: "berlin", Quantity: 1e9}},
		OnExpiry: stockholdv1.OnExpiry_ON_EXPIRY_ASK, Reference: "cart 7",
		CreatedAt: timestamppb.New(at), ExpiresAt: timestamppb.New(at.Add(time.Hour)), Parked: true,
	}, reservationToWire(held)))

	tombstone := reservationToWire(&reservation.Reservation{State: reservation.Canceled, CreatedAt: at, ResolvedAt: at, ResolvedBy: reservation.ByCaller, ParkedAt: at})
	require.Nil(t, tombstone.ExpiresAt)
	require.Empty(t, tombstone.Lines)
	require.False(t, tombstone.Parked, "what has ended is nobody's to look at")
	require.Nil(t, reservationToWire(nil))
}
