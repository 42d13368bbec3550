//go:build faults

package history

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
)

// client makes calls one after another and writes down what it hears.
type client struct {
	number   int
	run      string
	start    time.Time
	servers  []*faults.Client
	random   *rand.Rand
	recorded []Operation
	defects  []error // answers that say INTERNAL
}

// attempt is the time limit of a call: more than a process needs to give up.
const attempt = 5 * time.Second

// race makes calls on the shelves that are open at the moment until the last one
// is closed or ctx ends.
func (c *client) race(ctx context.Context, plan plan, pause time.Duration) {
	for ctx.Err() == nil {
		shelf, ok := plan.shelf(time.Since(c.start), c.random)
		if !ok {
			return
		}
		wait := time.Duration(c.random.Int64N(int64(pause)))
		if answered := c.do(ctx, plan.call(shelf, c.random)); !answered {
			wait += pause // open calls make orders hard to find
		}
		sleep(ctx, wait)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// do makes a call and records it; false if it got no final answer.
func (c *client) do(ctx context.Context, call Call) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), attempt)
	defer cancel()
	op := Operation{Client: c.number, Call: call, Called: time.Since(c.start)}
	var err error
	op.Answer, err = c.send(ctx, c.servers[c.random.IntN(len(c.servers))], call)
	op.Returned = time.Since(c.start)
	reason := faults.Refusal(err).GetReason()
	if reason == stockholdv1.Reason_REASON_INTERNAL {
		c.defects = append(c.defects, fmt.Errorf("%s: %w", call, err))
	}
	switch {
	case err == nil:
	case reason == stockholdv1.Reason_REASON_OVERLOADED, notSent(err):
		return false // the contract says that it never happens
	case !faults.Final(err):
		if !call.Kind.reads() {
			op.Answer = Answer{Open: true}
			c.recorded = append(c.recorded, op)
		}
		return false
	default:
		op.Answer = c.refused(call, faults.Refusal(err))
	}
	c.recorded = append(c.recorded, op)
	return true
}

// insist makes a call until it has its answer: servers may have more to do than
// they can, or have only just lost their connections to the stores.
func (c *client) insist(ctx context.Context, call Call) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for !c.do(ctx, call) {
		if ctx.Err() != nil {
			return false
		}
		sleep(ctx, pause)
	}
	return true
}

// notSent reports whether a call never left, since nobody took the connection.
func notSent(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) && network.Op == "dial"
}

// send makes a call.
func (c *client) send(ctx context.Context, server *faults.Client, call Call) (Answer, error) {
	id, sku := call.Key().ID(c.run), SKU(c.run, call.Shelf, call.SKU)
	switch call.Kind {
	case Try:
		request := &stockholdv1.TryRequest{ReservationId: id, Owner: faults.Owner, Ttl: durationpb.New(call.TTL), OnExpiry: call.Policy}
		for i, units := range call.Lines {
			if units > 0 {
				request.Lines = append(request.Lines, &stockholdv1.Line{Sku: SKU(c.run, call.Shelf, i), Quantity: int32(units)})
			}
		}
		response, err := server.Try(ctx, request)
		return c.answer(call, response, err)
	case Confirm, ConfirmAny:
		request := &stockholdv1.ConfirmRequest{ReservationId: id, Owner: faults.Owner}
		if call.Kind == ConfirmAny {
			request.IfReleased = stockholdv1.IfReleased_IF_RELEASED_RESERVE_AGAIN
		}
		response, err := server.Confirm(ctx, request)
		return c.answer(call, response, err)
	case Cancel:
		response, err := server.Cancel(ctx, &stockholdv1.CancelRequest{ReservationId: id, Owner: faults.Owner})
		return c.answer(call, response, err)
	case Extend:
		response, err := server.Extend(ctx, &stockholdv1.ExtendRequest{ReservationId: id, Owner: faults.Owner, Ttl: durationpb.New(call.TTL)})
		return c.answer(call, response, err)
	case Fulfill:
		response, err := server.Fulfill(ctx, &stockholdv1.FulfillRequest{ReservationId: id, Owner: faults.Owner})
		return c.answer(call, response, err)
	case Return:
		response, err := server.Return(ctx, &stockholdv1.ReturnRequest{ReservationId: id, Owner: faults.Owner})
		return c.answer(call, response, err)
	case Read:
		response, err := server.GetReservation(ctx, &stockholdv1.GetReservationRequest{ReservationId: id, Owner: faults.Owner})
		return c.held(call, response.GetReservation(), false), err
	case SetStock:
		response, err := server.Stock.SetStock(ctx, &stockholdv1.SetStockRequest{Sku: sku, OnHand: call.Amount,
			ExpectedOnHand: call.Expected, AdjustmentId: c.adjustment(call)})
		return counted(response.GetStock(), response.GetReplayed()), err
	case AdjustStock:
		response, err := server.Stock.AdjustStock(ctx, &stockholdv1.AdjustStockRequest{Sku: sku, Delta: call.Amount, AdjustmentId: c.adjustment(call)})
		return counted(response.GetStock(), response.GetReplayed()), err
	default:
		response, err := server.Stock.GetStock(ctx, &stockholdv1.GetStockRequest{Sku: sku})
		return counted(response.GetStock(), false), err
	}
}

func (c *client) adjustment(call Call) string {
	return Key{call.Shelf, call.Adjustment}.ID(c.run + "-adjustment")
}

// answer is what a call on a reservation was answered.
func (c *client) answer(call Call, response interface {
	GetReservation() *stockholdv1.Reservation
	GetReplayed() bool
}, err error) (Answer, error) {
	if err != nil {
		return Answer{}, err
	}
	return c.held(call, response.GetReservation(), response.GetReplayed()), nil
}

func (c *client) held(call Call, r *stockholdv1.Reservation, replayed bool) Answer {
	a := Answer{Replayed: replayed, State: r.GetState()}
	for _, line := range r.GetLines() {
		for i := range a.Lines {
			if line.GetSku() == SKU(c.run, call.Shelf, i) {
				a.Lines[i] = int64(line.GetQuantity())
			}
		}
	}
	if r.GetExpiresAt() != nil {
		a.Expires = r.GetExpiresAt().AsTime().Sub(c.start)
	}
	return a
}

func counted(s *stockholdv1.Stock, replayed bool) Answer {
	return Answer{Replayed: replayed, Available: s.GetAvailable(), Stock: Stock{OnHand: s.GetOnHand(), Reserved: s.GetReserved(), Committed: s.GetCommitted(), Version: s.GetVersion()}}
}

// refused is what a refusal says.
func (c *client) refused(call Call, refusal *stockholdv1.Refusal) Answer {
	a := c.held(call, refusal.GetReservation(), false)
	a.Refusal = refusal.GetReason()
	for _, shortage := range refusal.GetShortages() {
		for i := range a.Short {
			if shortage.GetSku() == SKU(c.run, call.Shelf, i) {
				available := shortage.GetAvailable()
				a.Short[i] = &available
			}
		}
	}
	return a
}
