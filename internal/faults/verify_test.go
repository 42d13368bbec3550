//go:build faults

package faults_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/internal/faults"
)

// keeper does what it is asked to and counts right, but never looks whether there is
// enough. Of what it is asked about later it may tell lies.
type keeper struct {
	stockholdv1connect.UnimplementedReservationServiceHandler
	stockholdv1connect.UnimplementedInventoryServiceHandler
	t *testing.T

	mu     sync.Mutex
	onHand map[string]int64
	orders map[string]*stockholdv1.Reservation

	lie      func(r *stockholdv1.Reservation) *stockholdv1.Reservation
	miscount int64 // of reserved
}

const (
	held      = stockholdv1.State_STATE_RESERVED
	confirmed = stockholdv1.State_STATE_CONFIRMED
	canceled  = stockholdv1.State_STATE_CANCELED
	fulfilled = stockholdv1.State_STATE_FULFILLED
	returned  = stockholdv1.State_STATE_RETURNED
)

func (k *keeper) become(id string, state stockholdv1.State) *stockholdv1.Reservation {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.orders[id].State = state
	return k.orders[id]
}

func (k *keeper) Try(_ context.Context, r *stockholdv1.TryRequest) (*stockholdv1.TryResponse, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.orders[r.GetReservationId()] = &stockholdv1.Reservation{ReservationId: r.GetReservationId(), State: held, Lines: r.GetLines()}
	return &stockholdv1.TryResponse{}, nil
}

func (k *keeper) Confirm(_ context.Context, r *stockholdv1.ConfirmRequest) (*stockholdv1.ConfirmResponse, error) {
	return &stockholdv1.ConfirmResponse{Reservation: k.become(r.GetReservationId(), confirmed)}, nil
}

func (k *keeper) Cancel(_ context.Context, r *stockholdv1.CancelRequest) (*stockholdv1.CancelResponse, error) {
	return &stockholdv1.CancelResponse{Reservation: k.become(r.GetReservationId(), canceled)}, nil
}

func (k *keeper) Fulfill(_ context.Context, r *stockholdv1.FulfillRequest) (*stockholdv1.FulfillResponse, error) {
	return &stockholdv1.FulfillResponse{Reservation: k.become(r.GetReservationId(), fulfilled)}, nil
}

func (k *keeper) Return(_ context.Context, r *stockholdv1.ReturnRequest) (*stockholdv1.ReturnResponse, error) {
	return &stockholdv1.ReturnResponse{Reservation: k.become(r.GetReservationId(), returned)}, nil
}

func (k *keeper) GetReservation(_ context.Context, r *stockholdv1.GetReservationRequest) (*stockholdv1.GetReservationResponse, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	told := k.lie(k.orders[r.GetReservationId()])
	if told == nil {
		return nil, refused(k.t, stockholdv1.Reason_REASON_NOT_FOUND)
	}
	return &stockholdv1.GetReservationResponse{Reservation: told}, nil
}

func (k *keeper) SetStock(_ context.Context, r *stockholdv1.SetStockRequest) (*stockholdv1.SetStockResponse, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.onHand[r.GetSku()] = r.GetOnHand()
	return &stockholdv1.SetStockResponse{}, nil
}

func (k *keeper) GetStock(_ context.Context, r *stockholdv1.GetStockRequest) (*stockholdv1.GetStockResponse, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	row := &stockholdv1.Stock{Sku: r.GetSku(), OnHand: k.onHand[r.GetSku()], Reserved: k.miscount}
	for _, order := range k.orders {
		for _, line := range order.GetLines() {
			switch units := int64(line.GetQuantity()); {
			case line.GetSku() != r.GetSku():
			case order.GetState() == held:
				row.Reserved += units
			case order.GetState() == confirmed:
				row.Committed += units
			case order.GetState() == fulfilled:
				row.OnHand -= units
			}
		}
	}
	return &stockholdv1.GetStockResponse{Stock: row}, nil
}

// The books find what they are there to find: orders that are lost, or that ended
// otherwise than the shop decided, units that were sold twice, and rows that do not
// add up. Of a keeper who is honest and has enough, they find nothing.
func TestVerify(t *testing.T) {
	honest := func(r *stockholdv1.Reservation) *stockholdv1.Reservation { return r }
	as := func(was, is stockholdv1.State) func(*stockholdv1.Reservation) *stockholdv1.Reservation {
		return func(r *stockholdv1.Reservation) *stockholdv1.Reservation {
			if r.GetState() != was {
				return r
			}
			return &stockholdv1.Reservation{ReservationId: r.GetReservationId(), State: is, Lines: r.GetLines()}
		}
	}
	const many = 10_000
	for name, c := range map[string]struct {
		lie            func(*stockholdv1.Reservation) *stockholdv1.Reservation
		miscount       int64
		units          int64
		lost, oversold bool
		mismatch       string
	}{
		"honest": {lie: honest, units: many},
		"a held order is forgotten": {units: many, lost: true, mismatch: "but it is STATE_UNSPECIFIED",
			lie: func(r *stockholdv1.Reservation) *stockholdv1.Reservation {
				if r.GetReservationId() == "order-0-3" {
					return nil
				}
				return r
			}},
		"what was paid for is released": {lie: as(confirmed, canceled), units: many, lost: true, mismatch: "but it is STATE_CANCELED"},
		"what was given up is sold":     {lie: as(canceled, confirmed), units: many, lost: true, mismatch: "but it is STATE_CONFIRMED"},
		"what was given up stays held":  {lie: as(canceled, held), units: many, lost: true, mismatch: "but it is STATE_RESERVED"},
		"what was shipped is not":       {lie: as(fulfilled, confirmed), units: many, lost: true, mismatch: "asked STATE_FULFILLED (sure true), but it is STATE_CONFIRMED"},
		"a unit is frozen for nobody":   {lie: honest, miscount: 1, units: many, mismatch: "on hand, reserved and committed are"},
		"more is sold than there is":    {lie: honest, units: 1, oversold: true, mismatch: "units more were sold than there were"},
	} {
		t.Run(name, func(t *testing.T) {
			k := &keeper{t: t, lie: c.lie, miscount: c.miscount, onHand: map[string]int64{}, orders: map[string]*stockholdv1.Reservation{}}
			mux := http.NewServeMux()
			mux.Handle(stockholdv1connect.NewReservationServiceHandler(k))
			mux.Handle(stockholdv1connect.NewInventoryServiceHandler(k))
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			client := faults.NewClientOver(server.URL, &http.Transport{})
			t.Cleanup(client.Close)
			shop := faults.NewShop(faults.ShopOptions{Seed: 1, Workers: 1, Ample: 1, Scarce: 1, Units: c.units, Lose: -1, Twice: -1})
			shop.Use(client)
			require.NoError(t, shop.Stock(t.Context(), client))
			shop.Serve(t.Context(), 200)
			require.Empty(t, shop.Tally.Broken())

			verdict, err := shop.Verify(t.Context(), client)
			require.NoError(t, err)
			require.Equal(t, 200, verdict.Orders)
			require.Equal(t, 200, verdict.Held)
			require.Equal(t, c.lost, verdict.Lost > 0)
			require.Equal(t, c.oversold, verdict.Oversold > 0)
			if c.mismatch == "" {
				require.NoError(t, verdict.Err())
				return
			}
			require.ErrorContains(t, verdict.Err(), c.mismatch)
		})
	}
}
