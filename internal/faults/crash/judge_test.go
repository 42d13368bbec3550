//go:build faults

package crash

import (
	"context"
	"fmt"

	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
	"stockhold/inventory"
)

const (
	held      = stockholdv1.State_STATE_RESERVED
	confirmed = stockholdv1.State_STATE_CONFIRMED
	canceled  = stockholdv1.State_STATE_CANCELED
	expired   = stockholdv1.State_STATE_EXPIRED
	nowhere   = stockholdv1.State_STATE_UNSPECIFIED

	byCaller    = stockholdv1.ResolvedBy_RESOLVED_BY_CALLER
	byCheckBack = stockholdv1.ResolvedBy_RESOLVED_BY_CHECK_BACK
	byPolicy    = stockholdv1.ResolvedBy_RESOLVED_BY_POLICY

	wasCanceled = stockholdv1.Reason_REASON_CANCELED
	wasReleased = stockholdv1.Reason_REASON_RELEASED
)

// happened: what the victim died of doing is in the ledger, by its hand or another's.
func (c *cell) happened() bool { return c.at.committed() || c.duplicate }

// decide is what the owner makes of a call that was not answered, and so what must
// become of its orders.
func (c *cell) decide() {
	byWhom := byCheckBack // nobody repeats the second's call
	if c.happened() {
		byWhom = byCaller
	}
	switch c.at.work {
	case try:
		c.book.decide(c.first, commit)
		c.book.decide(c.second, abort)
		c.first.want, c.first.by = confirmed, byCaller
		if c.happened() {
			c.second.want, c.second.by = canceled, byCheckBack
		}
	case confirm:
		c.first.want, c.first.by = confirmed, byCaller
		c.second.want, c.second.by = confirmed, byWhom
	case cancel:
		c.first.want, c.first.by = canceled, byCaller
		c.second.want, c.second.by = canceled, byWhom
	case checkBack:
		c.first.want, c.second.want = confirmed, canceled
		c.first.by, c.second.by = byCheckBack, byCheckBack
	case policy:
		c.first.want, c.second.want = expired, expired
		c.first.by, c.second.by = byPolicy, byPolicy
	}
	if c.when != lateCall {
		return
	}
	if !c.at.committed() { // the late calls were first
		c.first.want, c.first.by = confirmed, byCaller
		c.second.want, c.second.by = canceled, byCaller
	} else if c.at.work == policy {
		c.second.want, c.second.by = canceled, byCaller // EXPIRED becomes CANCELED, and no stock moves
	}
}

// repeat is the first order's caller, who repeats what was not answered, and
// what was.
func (c *cell) repeat() {
	if c.at.sweeps() {
		return
	}
	c.repeated(c.at.work, c.happened())
	if c.at.work == try {
		c.repeated(confirm, false)
		c.repeated(confirm, true)
	}
}

func (c *cell) repeated(w work, want bool) {
	c.t.Helper()
	replayed, sure, err := c.insist(c.victim, w, c.first)
	require.NoError(c.t, err, "%s again", w)
	if sure || want {
		require.Equal(c.t, want, replayed, "%s again is a replay", w)
	}
}

// ended waits until nobody holds anything of the orders.
func (c *cell) ended() {
	c.t.Helper()
	eventually(c.ctx, c.t, poll, func() error {
		for _, o := range c.orders() {
			switch r, err := c.reservation(o); {
			case err != nil:
				return err
			case r.GetState() == held:
				return fmt.Errorf("%s is still held", o.id)
			}
		}
		return nil
	})
}

// judge looks at all that the cell left.
func (c *cell) judge() {
	c.ended()
	c.settled()
	for _, o := range c.orders() {
		c.lateTry(o)
	}
	c.settled()
	_, err := c.site.Rest(c.ctx, c.office.client)
	require.NoError(c.t, err)

	var committed int64
	for _, o := range c.orders() {
		r, err := faults.Persist(c.ctx, patience, func(context.Context) (*stockholdv1.Reservation, error) { return c.reservation(o) })
		require.NoError(c.t, err)
		require.Equal(c.t, o.want, r.GetState(), "%s: a Try was answered OK: %t", o.id, o.held)
		require.Equal(c.t, o.by, r.GetResolvedBy(), o.id)
		if o.want == confirmed {
			committed += int64(o.quantity)
		}
		if o.want != nowhere {
			require.Len(c.t, r.GetLines(), 1, o.id)
			require.Equal(c.t, o.quantity, r.GetLines()[0].GetQuantity(), o.id)
		}
	}
	stock, err := faults.Persist(c.ctx, patience, func(context.Context) (inventory.Stock, error) { return c.stock() })
	require.NoError(c.t, err)
	require.Equal(c.t, []int64{shelf, 0, committed}, []int64{stock.OnHand, stock.Reserved, stock.Committed},
		"on hand, reserved and committed of %s", c.sku)
}

// lateTry repeats an acknowledged Try when all is over: it is found, in its state.
func (c *cell) lateTry(o *order) {
	if !o.held {
		return
	}
	replayed, _, err := c.insist(c.victim, try, o)
	switch o.want {
	case confirmed:
		require.NoError(c.t, err)
		require.True(c.t, replayed, "an acknowledged Try was not found: %s", o.id)
	case canceled:
		require.Equal(c.t, wasCanceled, faults.Refusal(err).GetReason(), "%s: %v", o.id, err)
	case expired:
		require.Equal(c.t, wasReleased, faults.Refusal(err).GetReason(), "%s: %v", o.id, err)
	default:
		c.t.Errorf("%s was acknowledged, and is not to be there", o.id)
	}
}

// reservation reads an order's; nil if there is none.
func (c *cell) reservation(o *order) (*stockholdv1.Reservation, error) {
	answer, err := c.office.client.GetReservation(c.ctx, &stockholdv1.GetReservationRequest{ReservationId: o.id, Owner: faults.Owner})
	if faults.Refusal(err).GetReason() == stockholdv1.Reason_REASON_NOT_FOUND {
		return nil, nil
	}
	return answer.GetReservation(), err
}

// stock reads the cell's row from the ledger.
func (c *cell) stock() (inventory.Stock, error) {
	answer, err := c.office.client.Stock.GetStock(c.ctx, &stockholdv1.GetStockRequest{Sku: c.sku})
	s := answer.GetStock()
	return inventory.Stock{Key: inventory.Key{SKU: c.sku, Location: s.GetLocationId()}, OnHand: s.GetOnHand(),
		Reserved: s.GetReserved(), Committed: s.GetCommitted(), Version: s.GetVersion()}, err
}
