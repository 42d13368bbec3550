package conformance

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

func idsOf(reservations []*stockholdv1.Reservation) []string {
	ids := []string{}
	for _, r := range reservations {
		ids = append(ids, r.GetReservationId())
	}
	return ids
}

func testListReservations(t *testing.T, e *env) {
	empty, err := e.Reservations.ListReservations(t.Context(), &stockholdv1.ListReservationsRequest{Owner: e.owner})
	require.NoError(t, err)
	require.Empty(t, empty.GetReservations())
	require.Empty(t, empty.GetNextPageToken())

	sku := e.sku(t, 100)
	var made []string
	for range 7 {
		made = append(made, e.hold(t, line(sku, 1)))
		time.Sleep(2 * time.Millisecond) // the order is that of the database's clock
	}
	for _, size := range []int32{1, 3, 7, 0} {
		request := &stockholdv1.ListReservationsRequest{Owner: e.owner, PageSize: size}
		var listed []string
		for {
			page, err := e.Reservations.ListReservations(t.Context(), request)
			require.NoError(t, err)
			if size > 0 {
				require.LessOrEqual(t, len(page.GetReservations()), int(size))
			}
			for _, r := range page.GetReservations() {
				requireEqual(t, e.get(t, r.GetReservationId()), r, "the listed reservation is whole")
			}
			listed = append(listed, idsOf(page.GetReservations())...)
			if page.GetNextPageToken() == "" {
				break
			}
			request.PageToken = page.GetNextPageToken()
		}
		require.Equal(t, made, listed, "oldest first, none missed, none twice, in pages of %d", size)
	}
}

func testListReservationsFilters(t *testing.T, e *env) {
	a, b := e.sku(t, 100), e.sku(t, 100)
	far := e.name("l")
	_, err := e.Inventory.SetStock(t.Context(), &stockholdv1.SetStockRequest{Sku: a, LocationId: far, OnHand: 10})
	require.NoError(t, err)

	reserved := e.hold(t, line(a, 1))
	confirmed := e.hold(t, line(a, 1), line(b, 1))
	_, err = e.confirm(t, confirmed)
	require.NoError(t, err)
	canceled := e.hold(t, line(b, 1))
	_, err = e.cancel(t, canceled)
	require.NoError(t, err)
	tombstone := e.id()
	_, err = e.cancel(t, tombstone)
	require.NoError(t, err)
	away := e.hold(t, &stockholdv1.Line{Sku: a, LocationId: far, Quantity: 1})
	defer func() { _, err := e.cancel(t, away); require.NoError(t, err) }() // its row is not of the case's books
	everything := []string{reserved, confirmed, canceled, tombstone, away}
	created := e.get(t, canceled).GetCreatedAt()

	state := func(states ...stockholdv1.State) []stockholdv1.State { return states }
	for name, tt := range map[string]struct {
		filter *stockholdv1.ListReservationsRequest
		want   []string
	}{
		"no filter":          {&stockholdv1.ListReservationsRequest{}, everything},
		"a state":            {&stockholdv1.ListReservationsRequest{States: state(stockholdv1.State_STATE_CONFIRMED)}, []string{confirmed}},
		"two states":         {&stockholdv1.ListReservationsRequest{States: state(stockholdv1.State_STATE_CANCELED, stockholdv1.State_STATE_CONFIRMED)}, []string{confirmed, canceled, tombstone}},
		"a state twice":      {&stockholdv1.ListReservationsRequest{States: state(stockholdv1.State_STATE_CANCELED, stockholdv1.State_STATE_CANCELED)}, []string{canceled, tombstone}},
		"a state of none":    {&stockholdv1.ListReservationsRequest{States: state(stockholdv1.State_STATE_FULFILLED)}, []string{}},
		"a sku":              {&stockholdv1.ListReservationsRequest{Sku: a}, []string{reserved, confirmed, away}},
		"a sku and state":    {&stockholdv1.ListReservationsRequest{Sku: b, States: state(stockholdv1.State_STATE_CANCELED)}, []string{canceled}},
		"a sku and location": {&stockholdv1.ListReservationsRequest{Sku: a, LocationId: far}, []string{away}},
		"not one line":       {&stockholdv1.ListReservationsRequest{Sku: b, LocationId: far}, []string{}},
		"parked":             {&stockholdv1.ListReservationsRequest{Parked: true}, []string{}},
		"created from":       {&stockholdv1.ListReservationsRequest{CreatedAfter: created}, []string{canceled, tombstone, away}},
		"created before":     {&stockholdv1.ListReservationsRequest{CreatedBefore: created}, []string{reserved, confirmed}},
		"an empty window":    {&stockholdv1.ListReservationsRequest{CreatedAfter: created, CreatedBefore: created}, []string{}},
		"since ever":         {&stockholdv1.ListReservationsRequest{CreatedAfter: timestamppb.New(time.Time{})}, everything},
		"before ever":        {&stockholdv1.ListReservationsRequest{CreatedBefore: timestamppb.New(time.Time{})}, []string{}},
		"for ever":           {&stockholdv1.ListReservationsRequest{CreatedBefore: timestamppb.New(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))}, everything},
		"after the end":      {&stockholdv1.ListReservationsRequest{CreatedAfter: timestamppb.New(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.filter.Owner = e.owner
			for _, size := range []int32{0, 1} {
				tt.filter.PageSize = size
				require.ElementsMatch(t, tt.want, idsOf(e.all(t, tt.filter)))
			}
		})
	}
	_, err = e.Reservations.ListReservations(t.Context(), &stockholdv1.ListReservationsRequest{Owner: e.owner, States: state(0)})
	requireInvalid(t, err, "states[0]")
	_, err = e.Reservations.ListReservations(t.Context(), &stockholdv1.ListReservationsRequest{Owner: e.owner, Sku: "a b"})
	requireInvalid(t, err, "sku")
	_, err = e.Reservations.ListReservations(t.Context(), &stockholdv1.ListReservationsRequest{Owner: "a b"})
	requireInvalid(t, err, "owner")
}

func testListStock(t *testing.T, e *env) {
	here, there := e.name("l"), e.name("l") // in this order
	sku := e.name("s")
	want := []*stockholdv1.Stock{}
	for _, row := range []*stockholdv1.SetStockRequest{
		{LocationId: here, Sku: "Z" + sku, OnHand: 1}, {LocationId: here, Sku: "a" + sku, OnHand: 2}, {LocationId: here, Sku: "b" + sku, OnHand: 3},
		{LocationId: there, Sku: "a" + sku, OnHand: 4},
	} {
		set, err := e.Inventory.SetStock(t.Context(), row)
		require.NoError(t, err)
		want = append(want, set.GetStock())
	}
	list := func(filter *stockholdv1.ListStockRequest) []*stockholdv1.Stock {
		var out []*stockholdv1.Stock
		for {
			page, err := e.Inventory.ListStock(t.Context(), filter)
			require.NoError(t, err)
			if filter.GetPageSize() > 0 {
				require.LessOrEqual(t, len(page.GetStocks()), int(filter.GetPageSize()))
			}
			out = append(out, page.GetStocks()...)
			if page.GetNextPageToken() == "" {
				return out
			}
			filter.PageToken = page.GetNextPageToken()
		}
	}
	for _, tt := range []struct {
		filter *stockholdv1.ListStockRequest
		want   []*stockholdv1.Stock
	}{
		{&stockholdv1.ListStockRequest{LocationId: here}, want[:3]},
		{&stockholdv1.ListStockRequest{LocationId: there}, want[3:]},
		{&stockholdv1.ListStockRequest{Sku: "a" + sku}, []*stockholdv1.Stock{want[1], want[3]}},
		{&stockholdv1.ListStockRequest{Sku: "a" + sku, LocationId: there}, want[3:]},
		{&stockholdv1.ListStockRequest{Sku: "c" + sku}, nil},
		{&stockholdv1.ListStockRequest{LocationId: "nowhere-" + sku}, nil},
	} {
		for size := range int32(4) {
			got := list(&stockholdv1.ListStockRequest{Sku: tt.filter.GetSku(), LocationId: tt.filter.GetLocationId(), PageSize: size})
			require.Len(t, got, len(tt.want))
			for i := range got {
				requireEqual(t, tt.want[i], got[i], "ordered by location and sku, by bytes")
			}
		}
	}
	all := list(&stockholdv1.ListStockRequest{PageSize: 500})
	require.True(t, slices.ContainsFunc(all, func(s *stockholdv1.Stock) bool { return s.GetSku() == "Z"+sku }))
	_, err := e.Inventory.ListStock(t.Context(), &stockholdv1.ListStockRequest{Sku: "a b"})
	requireInvalid(t, err, "sku")
	_, err = e.Inventory.ListStock(t.Context(), &stockholdv1.ListStockRequest{LocationId: "a b"})
	requireInvalid(t, err, "location_id")
}

// A token is of one listing and one filter; the size of the page may change.
func testPageTokens(t *testing.T, e *env) {
	sku := e.sku(t, 10)
	for range 3 {
		e.hold(t, line(sku, 1))
	}
	page, err := e.Reservations.ListReservations(t.Context(), &stockholdv1.ListReservationsRequest{Owner: e.owner, PageSize: 1})
	require.NoError(t, err)
	token := page.GetNextPageToken()
	require.Regexp(t, "^[A-Za-z0-9_-]+$", token)
	rest, err := e.Reservations.ListReservations(t.Context(), &stockholdv1.ListReservationsRequest{Owner: e.owner, PageSize: 500, PageToken: token})
	require.NoError(t, err)
	require.Len(t, rest.GetReservations(), 2)

	for _, other := range []*stockholdv1.ListReservationsRequest{
		{Owner: e.name("other")}, {Owner: e.owner, Sku: sku}, {Owner: e.owner, Parked: true},
		{Owner: e.owner, States: []stockholdv1.State{stockholdv1.State_STATE_RESERVED}}, {Owner: e.owner, CreatedAfter: timestamppb.Now()},
	} {
		other.PageToken = token
		_, err := e.Reservations.ListReservations(t.Context(), other)
		requireInvalid(t, err, "page_token")
	}
	stocks, err := e.Inventory.ListStock(t.Context(), &stockholdv1.ListStockRequest{PageSize: 1})
	require.NoError(t, err)
	for _, garbage := range []string{"garbage", token + "A", token[1:], "AAAA", "%", " ", stocks.GetNextPageToken()} {
		_, err := e.Reservations.ListReservations(t.Context(), &stockholdv1.ListReservationsRequest{Owner: e.owner, PageToken: garbage})
		requireInvalid(t, err, "page_token")
		if garbage != stocks.GetNextPageToken() {
			_, err = e.Inventory.ListStock(t.Context(), &stockholdv1.ListStockRequest{PageToken: garbage})
			requireInvalid(t, err, "page_token")
		}
	}
	_, err = e.Inventory.ListStock(t.Context(), &stockholdv1.ListStockRequest{PageToken: token})
	requireInvalid(t, err, "page_token")
}
