package demo

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"stockhold/internal/orders"
)

// How long an order stands in the yard, by the clock of the file, and how many
// may: a file whose invoices have no times of their own must not fill memory.
const (
	shipAfter     = 24 * time.Hour
	mostUnshipped = 1000
)

// yard are the orders that have not left the house, oldest first. A cancellation
// names no order, so it is known by its customer and its goods: when it takes back
// exactly what an order in the yard asked for, it means that order, and the units
// are promised to nobody any more. Everything else comes back from a customer.
type yard struct {
	orders []*order
	known  map[string][]*order // by customer and goods
}

func newYard() *yard { return &yard{known: map[string][]*order{}} }

func (y *yard) add(o *order) {
	y.orders = append(y.orders, o)
	if o.Customer != "" {
		key := goods(o.Event)
		y.known[key] = append(y.known[key], o)
	}
}

// due removes the orders that are to be shipped at a time.
func (y *yard) due(now time.Time) []*order {
	var due []*order
	for len(y.orders) > 0 {
		o := y.orders[0]
		if len(y.orders) <= mostUnshipped && now.Sub(o.At) < shipAfter {
			break
		}
		y.orders[0] = nil
		y.orders = y.orders[1:]
		if !o.taken {
			y.forget(o)
			due = append(due, o)
		}
	}
	return due
}

// take removes the latest order that a cancellation means; nil if there is none.
func (y *yard) take(cancellation orders.Event) *order {
	if cancellation.Customer == "" {
		return nil
	}
	same := y.known[goods(cancellation)]
	if len(same) == 0 {
		return nil
	}
	o := same[len(same)-1]
	o.taken = true
	y.forget(o)
	return o
}

func (y *yard) forget(o *order) {
	if o.Customer == "" {
		return
	}
	key := goods(o.Event)
	y.known[key] = slices.DeleteFunc(y.known[key], func(other *order) bool { return other == o })
	if len(y.known[key]) == 0 {
		delete(y.known, key)
	}
}

// goods writes customer and goods so that the same are written the same.
func goods(event orders.Event) string {
	units := make(map[string]int64, len(event.Lines))
	for _, line := range event.Lines {
		units[line.SKU] += line.Quantity
	}
	var text strings.Builder
	text.WriteString(event.Customer)
	for _, sku := range slices.Sorted(maps.Keys(units)) {
		fmt.Fprintf(&text, "\n%s %d", sku, units[sku]) // no sku has a space or a line break
	}
	return text.String()
}
