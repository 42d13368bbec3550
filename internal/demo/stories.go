package demo

import (
	"context"
	"fmt"
	"time"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

const (
	askTheDecider   = stockholdv1.OnExpiry_ON_EXPIRY_UNSPECIFIED // the default of an owner that has one
	releaseByItself = stockholdv1.OnExpiry_ON_EXPIRY_RELEASE

	takeAgain = stockholdv1.IfReleased_IF_RELEASED_RESERVE_AGAIN
	takeOnce  = stockholdv1.IfReleased_IF_RELEASED_UNSPECIFIED
)

// serve tells an order's story.
func (s *shop) serve(ctx context.Context, o *order) (outcome, error) {
	switch o.fate.story {
	case overtaken:
		return s.overtaken(ctx, o)
	case stuckTry:
		return s.stuckTry(ctx, o)
	case slowPayment:
		return s.slowPayment(ctx, o)
	case lateEnd:
		return s.lateEnd(ctx, o)
	case lateTake:
		return s.lateConfirm(ctx, o, takeAgain)
	case lateConfirm:
		return s.lateConfirm(ctx, o, takeOnce)
	case secondWish:
		return s.secondWish(ctx, o)
	default:
		return s.plain(ctx, o)
	}
}

// plain is how it goes nearly always. If Confirm or Cancel are lost, the shop does
// not notice and does nothing about it: the check-back does.
func (s *shop) plain(ctx context.Context, o *order) (outcome, error) {
	if held, why, err := s.hold(ctx, o, askTheDecider, time.Time{}); !held || err != nil {
		return why, err
	}
	return s.end(ctx, o, s.pay(o))
}

// hold sends the Try. An order that is not held is given up: the shop cancels it
// even after a refusal, since a copy of the Try may still be on its way and find
// more stock.
func (s *shop) hold(ctx context.Context, o *order, onExpiry stockholdv1.OnExpiry, notAfter time.Time) (held bool, why outcome, err error) {
	try := s.tryMessage(o, onExpiry, notAfter)
	a, err := o.courier.deliver(ctx, try, o.fate.try)
	if err == nil && a.kind == nothing && o.fate.again {
		a, err = o.courier.deliver(ctx, try, delivery{})
	}
	switch {
	case err != nil:
		return false, 0, err
	case a.kind == accepted:
		s.count(func() { s.holds++ })
		return true, 0, nil
	case a.kind == nothing:
		why = givenUp
	case a.reason == stockholdv1.Reason_REASON_INSUFFICIENT_STOCK:
		why = short
	case a.reason == stockholdv1.Reason_REASON_TOO_LATE && !notAfter.IsZero():
		why = stale
	case a.reason == stockholdv1.Reason_REASON_INVALID:
		why = malformed
	default:
		s.surprise(o, callTry, a)
		why = givenUp
	}
	s.books.abort(o.Invoice)
	if why == malformed {
		return false, why, nil // a Cancel would hear the same
	}
	return false, why, s.cancel(ctx, o, "not held")
}

// pay asks for the money and writes down what comes of it, before anybody is told.
func (s *shop) pay(o *order) outcome {
	if o.fate.paid {
		s.books.commit(o.Invoice)
		return sold
	}
	s.books.abort(o.Invoice)
	return unpaid
}

// end tells stockhold how the payment went.
func (s *shop) end(ctx context.Context, o *order, how outcome) (outcome, error) {
	if how == sold {
		return how, s.confirm(ctx, o)
	}
	return how, s.cancel(ctx, o, "payment failed")
}

func (s *shop) confirm(ctx context.Context, o *order) error {
	a, err := o.courier.deliver(ctx, s.confirmMessage(o, takeOnce), o.fate.end)
	o.acknowledged = a.kind == accepted
	if a.kind == refused {
		s.surprise(o, callConfirm, a)
	}
	return err
}

func (s *shop) cancel(ctx context.Context, o *order, why string) error {
	a, err := o.courier.deliver(ctx, s.cancelMessage(o, why), o.fate.end)
	if a.kind == refused {
		s.surprise(o, callCancel, a)
	}
	return err
}

// overtaken: the customer leaves while the Try is on its way. The Cancel finds
// nothing, and leaves a tombstone for the Try to find.
func (s *shop) overtaken(ctx context.Context, o *order) (outcome, error) {
	s.books.abort(o.Invoice)
	if err := s.cancel(ctx, o, "the customer left"); err != nil {
		return 0, err
	}
	a, err := o.courier.deliver(ctx, s.tryMessage(o, askTheDecider, time.Time{}), delivery{})
	if err == nil && !a.isRefused(stockholdv1.Reason_REASON_CANCELED) {
		s.surprise(o, callTry, a)
	}
	return left, err
}

// longAgo is more than the clocks of shop and database may differ.
const longAgo = time.Hour

// stuckTry: the Try said until when it is worth anything, and that is over. Were
// it held all the same, the shop would give it back.
func (s *shop) stuckTry(ctx context.Context, o *order) (outcome, error) {
	held, why, err := s.hold(ctx, o, askTheDecider, time.Now().Add(-longAgo))
	if !held || err != nil {
		return why, err
	}
	s.books.abort(o.Invoice)
	return stale, s.cancel(ctx, o, "too late")
}

// slowPayment: while the payment is under way, the decider says PENDING.
func (s *shop) slowPayment(ctx context.Context, o *order) (outcome, error) {
	if held, why, err := s.hold(ctx, o, askTheDecider, time.Time{}); !held || err != nil {
		return why, err
	}
	if err := s.away(ctx, func() error { return sleep(ctx, s.opts.TTL+askAgain) }); err != nil {
		return 0, err
	}
	return s.end(ctx, o, s.pay(o))
}

// lateEnd: the shop has decided, and the message that says so comes after the
// sweeper asked: a replay.
func (s *shop) lateEnd(ctx context.Context, o *order) (outcome, error) {
	if held, why, err := s.hold(ctx, o, askTheDecider, time.Time{}); !held || err != nil {
		return why, err
	}
	how := s.pay(o)
	if err := s.awaitEnd(ctx, o); err != nil {
		return 0, err
	}
	return s.end(ctx, o, how)
}

// lateConfirm: a hold that ends by itself is over before the Confirm arrives.
// Nothing is decided until that is answered: either the goods are taken after
// all, or the customer gets the money back.
func (s *shop) lateConfirm(ctx context.Context, o *order, ifReleased stockholdv1.IfReleased) (outcome, error) {
	if held, why, err := s.hold(ctx, o, releaseByItself, time.Time{}); !held || err != nil {
		return why, err
	}
	if err := s.awaitEnd(ctx, o); err != nil {
		return 0, err
	}
	a, err := o.courier.deliver(ctx, s.confirmMessage(o, ifReleased), delivery{})
	switch {
	case err != nil:
		return 0, err
	case a.kind == accepted && ifReleased == takeAgain:
		s.books.commit(o.Invoice)
		o.acknowledged = true
		return sold, nil
	case !a.isRefused(stockholdv1.Reason_REASON_RELEASED):
		s.surprise(o, callConfirm, a)
	}
	s.books.abort(o.Invoice)
	return expired, s.cancel(ctx, o, "the hold ended before the payment was through")
}

// secondWish: the customer pays, and "cancel" was pressed, too. The first word stands.
func (s *shop) secondWish(ctx context.Context, o *order) (outcome, error) {
	if held, why, err := s.hold(ctx, o, askTheDecider, time.Time{}); !held || err != nil {
		return why, err
	}
	s.books.commit(o.Invoice)
	if err := s.confirm(ctx, o); err != nil {
		return 0, err
	}
	a, err := o.courier.deliver(ctx, s.cancelMessage(o, "second thoughts"), delivery{})
	if err == nil && !a.isRefused(stockholdv1.Reason_REASON_ALREADY_CONFIRMED) {
		s.surprise(o, callCancel, a)
	}
	return sold, err
}

// lookEvery is how often the network looks whether it is late enough.
const lookEvery = 250 * time.Millisecond

// awaitEnd returns once the sweeper has ended an order's hold.
func (s *shop) awaitEnd(ctx context.Context, o *order) error {
	return s.away(ctx, func() error {
		deadline := time.Now().Add(s.opts.TTL + s.opts.Patience)
		wait := s.opts.TTL
		for {
			if err := sleep(ctx, wait); err != nil {
				return err
			}
			if held, err := s.held(ctx, o); err != nil || !held {
				return err
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("the hold of order %s, for %s, was not ended within %s after that", o.Invoice, s.opts.TTL, s.opts.Patience)
			}
			wait = lookEvery
		}
	})
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
