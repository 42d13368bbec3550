package demo

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"stockhold/internal/orders"
)

// maxUnderWay bounds the orders that are under way, most of them waiting for a
// worker or for their time, and so the memory they take.
const maxUnderWay = 1024

// replay makes everything happen that the orders tell, in their order and many at
// a time, and returns when all of it is over. sold hears of each order's end.
func (s *shop) replay(ctx context.Context, source orders.Source, sold func()) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxUnderWay)
	yard := newYard()
	var failed error
	for ctx.Err() == nil {
		event, err := source.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			failed = err
			break
		}
		for _, o := range yard.due(event.At) {
			group.Go(func() error { return s.ship(ctx, o) })
		}
		switch event.Kind {
		case orders.Sale:
			o := s.newOrder(event)
			yard.add(o)
			group.Go(func() error {
				defer sold()
				return s.sell(ctx, o)
			})
		case orders.Cancellation:
			if o := yard.take(event); o != nil {
				group.Go(func() error { return s.takeBack(ctx, o) })
			} else {
				group.Go(func() error { return s.restock(ctx, event) })
			}
		case orders.WriteOff:
			group.Go(func() error { return s.writeOff(ctx, event) })
		}
	}
	return errors.Join(failed, group.Wait())
}

// ship sends an order's goods on their way. Orders whose Confirm was not answered
// stay in the house: the shop does not know yet whether it may.
func (s *shop) ship(ctx context.Context, o *order) error {
	if err := o.over(ctx); err != nil {
		return err
	}
	// What the check-back ended is left for the report to find as it was ended.
	if !o.acknowledged || o.fate.story == lateEnd || o.fate.story == slowPayment {
		return nil
	}
	return s.work(ctx, func() error {
		a, err := o.courier.insist(ctx, s.fulfillMessage(o), delivery{copies: o.fate.end.copies})
		if err != nil {
			return err
		}
		if a.kind != accepted {
			s.surprise(o, callFulfill, a)
			return nil
		}
		s.books.ship(o.Invoice)
		return o.courier.finish(ctx)
	})
}

// takeBack undoes a whole order that has not left the house. Return wants a
// CONFIRMED one, so a Confirm that was not answered is sent again first.
func (s *shop) takeBack(ctx context.Context, o *order) error {
	if err := o.over(ctx); err != nil {
		return err
	}
	if w, _ := s.books.word(o.Invoice); w != committed {
		s.count(func() { s.trade.nothingToTakeBack++ }) // the customer never got it
		return nil
	}
	return s.work(ctx, func() error {
		if !o.acknowledged {
			a, err := o.courier.deliver(ctx, s.confirmMessage(o, takeOnce), delivery{})
			if err != nil {
				return err
			}
			if a.kind != accepted {
				s.surprise(o, callConfirm, a)
				return nil
			}
		}
		a, err := o.courier.insist(ctx, s.returnMessage(o), delivery{copies: o.fate.end.copies})
		if err != nil {
			return err
		}
		if a.kind != accepted {
			s.surprise(o, callReturn, a)
			return nil
		}
		s.books.giveBack(o.Invoice)
		s.count(func() { s.trade.ordersTakenBack++ })
		return o.courier.finish(ctx)
	})
}

// over returns when an order has ended.
func (o *order) over(ctx context.Context) error {
	select {
	case <-o.done:
		return ctx.Err() // an order that broke off is over, too
	case <-ctx.Done():
		return ctx.Err()
	}
}

// restock puts goods back on the shelf that came from a customer.
func (s *shop) restock(ctx context.Context, event orders.Event) error {
	return s.adjust(ctx, event, 1, "returned by a customer", func(line orders.Line, a answer) {
		if a.kind == refused {
			s.surprise(&order{Event: event}, callAdjust, a)
			return
		}
		s.books.adjust(line.SKU, line.Quantity)
		s.count(func() { s.trade.restocked++ })
	})
}

// writeOff takes goods off the shelf that are gone. More than lie there cannot be
// gone: then the count was wrong, stockhold refuses, and nothing is written down.
func (s *shop) writeOff(ctx context.Context, event orders.Event) error {
	return s.adjust(ctx, event, -1, "written off", func(line orders.Line, a answer) {
		if a.kind == refused {
			s.count(func() { s.trade.writeOffsRefused++ })
			return
		}
		s.books.adjust(line.SKU, -line.Quantity)
		s.count(func() { s.trade.writtenOff++ })
	})
}

// adjust moves every line of an event, and hands on what was answered. Nobody asks
// back about an adjustment, so the shop insists.
func (s *shop) adjust(ctx context.Context, event orders.Event, sign int64, reason string, answered func(orders.Line, answer)) error {
	return s.work(ctx, func() error {
		network := &courier{wire: s.wire}
		for _, line := range event.Lines {
			id := fmt.Sprintf("%s:%d", event.Invoice, line.Number)
			a, err := network.insist(ctx, s.adjustMessage(line.SKU, sign*line.Quantity, id, reason), s.opts.fateOf(id).end)
			if err != nil {
				return errors.Join(err, network.finish(ctx))
			}
			answered(line, a)
		}
		return network.finish(ctx)
	})
}
