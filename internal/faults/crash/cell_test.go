//go:build faults

package crash

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
)

const (
	shelf    = 1000             // units of a cell's sku
	moment   = 10 * time.Second // the deadline of one call
	soon     = 500 * time.Millisecond
	longTTL  = time.Hour
	patience = 3 * time.Minute // of a cell, however busy the machine
)

// cell is one death: at a point, under a condition.
type cell struct {
	*place
	t    *testing.T
	ctx  context.Context
	at   point
	when condition

	sku       string
	first     *order // its caller repeats
	second    *order // its caller gives up
	duplicate bool   // the work was finished by a second process
}

func newCell(t *testing.T, p *place, at point, when condition) *cell {
	name := strings.ReplaceAll(fmt.Sprintf("%s-%s", at, when), " ", "-")
	return &cell{
		place: p, t: t, ctx: faults.Within(t, patience), at: at, when: when, sku: name,
		first:  &order{id: name + "-1", quantity: 3},
		second: &order{id: name + "-2", quantity: 4},
	}
}

func (c *cell) orders() []*order { return []*order{c.first, c.second} }

func (c *cell) run() {
	victim := c.victim
	defer func() {
		if c.t.Failed() {
			c.t.Logf("the log of the process that died:\n%s\nof the one that came after it:\n%s", victim.Log(), c.victim.Log())
		}
	}()
	c.prepare()
	c.die()
	c.decide()
	require.NoError(c.t, c.heal(c.ctx))
	c.book.open(true)
	c.repeat()
	c.judge()
}

// prepare puts units on the shelf, where the gate sees them too, and holds what is
// to be confirmed or canceled. All of it is the office's work, so that the victim
// has done nothing of its own that could reach a point.
func (c *cell) prepare() {
	require.NoError(c.t, c.office.client.SetStock(c.ctx, c.sku, shelf))
	c.book.open(c.at.sweeps())
	if c.at.work == confirm || c.at.work == cancel {
		for _, o := range c.orders() {
			replayed, sure, err := c.insist(c.office, try, o)
			require.NoError(c.t, err)
			require.False(c.t, replayed && sure)
		}
	}
	switch c.at.work { // written down before anybody is told
	case confirm:
		c.book.decide(c.first, commit)
		c.book.decide(c.second, commit)
	case cancel:
		c.book.decide(c.first, abort)
		c.book.decide(c.second, abort)
	case checkBack:
		c.book.decide(c.first, commit)
		c.book.decide(c.second, abort)
	}
	c.settled()
}

const (
	commit = stockholdv1.Verdict_VERDICT_COMMIT
	abort  = stockholdv1.Verdict_VERDICT_ABORT
)

// settled waits until the gate has nothing pending and the ledger's view of the sku.
func (c *cell) settled() {
	c.t.Helper()
	eventually(c.ctx, c.t, poll, func() error {
		stock, err := c.stock()
		if err != nil {
			return err
		}
		return c.pending(c.ctx, stock)
	})
}

// ttl is short for what only a sweeper will end.
func (c *cell) ttl(o *order) *durationpb.Duration {
	if o == c.second || c.at.sweeps() {
		return durationpb.New(soon)
	}
	return durationpb.New(longTTL)
}

func (c *cell) tryRequest(o *order) *stockholdv1.TryRequest {
	request := &stockholdv1.TryRequest{ReservationId: o.id, Owner: faults.Owner, Ttl: c.ttl(o), Reference: "of " + o.id,
		Lines: []*stockholdv1.Line{{Sku: c.sku, Quantity: o.quantity}}}
	if c.at.work == policy {
		request.OnExpiry = stockholdv1.OnExpiry_ON_EXPIRY_RELEASE
	}
	return request
}

// tell makes one call about one order, once.
func (c *cell) tell(s *server, w work, o *order) (replayed bool, err error) {
	ctx, stop := context.WithTimeout(c.ctx, moment)
	defer stop()
	switch w {
	case try:
		answer, err := s.client.Try(ctx, c.tryRequest(o))
		o.held = o.held || err == nil
		return answer.GetReplayed(), err
	case confirm:
		answer, err := s.client.Confirm(ctx, &stockholdv1.ConfirmRequest{ReservationId: o.id, Owner: faults.Owner})
		return answer.GetReplayed(), err
	default:
		answer, err := s.client.Cancel(ctx, &stockholdv1.CancelRequest{ReservationId: o.id, Owner: faults.Owner})
		return answer.GetReplayed(), err
	}
}

// insist makes one call about one order until it is answered, as a busy server asks
// its callers to. sure says that the first time was enough: else an earlier one may
// have done it, and the answer may be a replay.
func (c *cell) insist(s *server, w work, o *order) (replayed, sure bool, err error) {
	sure = true
	replayed, err = faults.Persist(c.ctx, patience, func(context.Context) (bool, error) {
		replayed, err := c.tell(s, w, o)
		sure = sure && !faults.Later(err)
		return replayed, err
	})
	return replayed, sure, err
}

// tellBoth makes one call about both orders, so that they share a batch. Both must
// succeed, for the first time.
func (c *cell) tellBoth(s *server, w work) error {
	ctx, stop := context.WithTimeout(c.ctx, moment)
	defer stop()
	var outcomes []*stockholdv1.ReservationOutcome
	var err error
	switch w {
	case try:
		request := &stockholdv1.BatchTryRequest{}
		for _, o := range c.orders() {
			request.Requests = append(request.Requests, c.tryRequest(o))
		}
		var answer *stockholdv1.BatchTryResponse
		answer, err = s.client.BatchTry(ctx, request)
		outcomes = answer.GetOutcomes()
	case confirm:
		request := &stockholdv1.BatchConfirmRequest{}
		for _, o := range c.orders() {
			request.Requests = append(request.Requests, &stockholdv1.ConfirmRequest{ReservationId: o.id, Owner: faults.Owner})
		}
		var answer *stockholdv1.BatchConfirmResponse
		answer, err = s.client.BatchConfirm(ctx, request)
		outcomes = answer.GetOutcomes()
	default:
		request := &stockholdv1.BatchCancelRequest{}
		for _, o := range c.orders() {
			request.Requests = append(request.Requests, &stockholdv1.CancelRequest{ReservationId: o.id, Owner: faults.Owner})
		}
		var answer *stockholdv1.BatchCancelResponse
		answer, err = s.client.BatchCancel(ctx, request)
		outcomes = answer.GetOutcomes()
	}
	if err != nil {
		return err
	}
	for i, o := range c.orders() {
		success := outcomes[i].GetSuccess()
		if success == nil || success.GetReplayed() {
			return fmt.Errorf("%s of %s was answered %v", w, o.id, outcomes[i])
		}
		o.held = o.held || w == try
	}
	return nil
}
