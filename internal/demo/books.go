package demo

import (
	"fmt"
	"sync"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/orders"
)

// word is what the order service decided about an order.
type word uint8

const (
	undecided word = iota
	committed      // the customer paid
	aborted        // there will be no order
	shipped        // it was committed and left the house
	returned       // it was committed, and the customer changed their mind before it left
)

func (w word) String() string {
	return [...]string{"undecided", "committed", "aborted", "shipped", "returned"}[w]
}

// books are the order service's own: what it decided about each order, and what
// must lie on each shelf for that. Nothing here comes from stockhold but whether
// it accepted or refused a call. In memory are one word per order, and the lines
// of those that may still move.
type books struct {
	mu      sync.Mutex
	orders  map[string]*account
	shelves map[string]*shelf
}

type account struct {
	word  word
	lines []orders.Line
}

// shelf is what should be true of one sku once every order has ended.
type shelf struct{ onHand, committed int64 }

func newBooks() *books {
	return &books{orders: map[string]*account{}, shelves: map[string]*shelf{}}
}

// open begins an order, before anything is sent about it.
func (b *books) open(id string, lines []orders.Line) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.orders[id] = &account{lines: lines}
}

// word is what was decided; known is false for an order that never was one.
func (b *books) word(id string) (w word, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, known := b.orders[id]
	if !known {
		return undecided, false
	}
	return a.word, true
}

// commit promises the goods to the customer.
func (b *books) commit(id string) {
	b.decide(id, undecided, committed, func(s *shelf, units int64) { s.committed += units })
}

// abort gives the order up.
func (b *books) abort(id string) {
	b.decide(id, undecided, aborted, nil)
}

// ship takes the goods off the shelf.
func (b *books) ship(id string) {
	b.decide(id, committed, shipped, func(s *shelf, units int64) { s.committed -= units; s.onHand -= units })
}

// giveBack puts goods that were promised up for sale again.
func (b *books) giveBack(id string) {
	b.decide(id, committed, returned, func(s *shelf, units int64) { s.committed -= units })
}

// decide moves an order on. The shop knows what it does: another order of events
// would be a mistake of its own.
func (b *books) decide(id string, from, to word, move func(s *shelf, units int64)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.orders[id]
	if a == nil || a.word != from {
		panic(fmt.Sprintf("the order service loses its mind: order %s (%+v) goes from %s to %s", id, a, from, to))
	}
	a.word = to
	if move != nil {
		for _, line := range a.lines {
			move(b.shelf(line.SKU), line.Quantity)
		}
	}
	if to != committed {
		a.lines = nil
	}
}

// adjust writes down goods that came or went without an order.
func (b *books) adjust(sku string, delta int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shelf(sku).onHand += delta
}

func (b *books) shelf(sku string) *shelf {
	s := b.shelves[sku]
	if s == nil {
		s = &shelf{}
		b.shelves[sku] = s
	}
	return s
}

// allows reports whether a reservation may be in a state, once it has ended.
func (w word) allows(state stockholdv1.State) bool {
	switch w {
	case committed:
		return state == stockholdv1.State_STATE_CONFIRMED
	case shipped:
		return state == stockholdv1.State_STATE_FULFILLED
	case returned:
		return state == stockholdv1.State_STATE_RETURNED
	case aborted:
		return state == stockholdv1.State_STATE_CANCELED || state == stockholdv1.State_STATE_EXPIRED
	}
	return false
}
