package simulation

import (
	"context"
	"fmt"
	"time"

	"stockhold/reservation"
)

// desk is a caller that asks for several orders in one call, as BatchTry,
// BatchConfirm and BatchCancel do; it does not know, or care, what others ask for
// the same orders meanwhile. An order may be in a batch twice.
type desk struct {
	name   string
	after  time.Duration
	within time.Duration
	at     []int
	items  []item
}

func (w *world) newDesk(number int) *desk {
	r := w.random
	d := &desk{
		name:   fmt.Sprintf("desk %d", number),
		after:  time.Duration(r.IntN(6000)) * time.Millisecond,
		within: w.patience(),
		at:     w.whereTo(),
	}
	calls := []reservation.Call{reservation.Try, reservation.Try, reservation.Confirm, reservation.ConfirmAny, reservation.Cancel, reservation.Fulfill}
	call := calls[r.IntN(len(calls))]
	orders := w.inOrder()
	for range 2 + r.IntN(4) {
		d.items = append(d.items, item{orders[r.IntN(len(orders))], action{call: call}})
	}
	return d
}

// batch plays a desk's one batch.
func (w *world) batch(d *desk) {
	time.Sleep(d.after)
	for i, at := range d.at {
		name := fmt.Sprintf("%s #%d", d.name, i)
		named(w.ctx, name, func(ctx context.Context) { w.call(ctx, name, at, d.within, d.items) })
	}
}
