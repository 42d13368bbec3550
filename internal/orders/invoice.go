package orders

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// invoice gathers the rows of one invoice.
type invoice struct {
	number   string
	at       time.Time
	customer string
	added    []Line // sold, or canceled
	removed  []Line // written off
	rows     int    // in added and removed
	long     bool   // it had more lines than an order may have: they are gone
	last     int    // its latest row, counted from the first of the file
}

func newInvoice(r row) *invoice {
	return &invoice{number: strings.Clone(r.invoice), at: r.at, customer: strings.Clone(r.customer)}
}

// add puts a row where it belongs, or counts why not.
func (i *invoice) add(r row, out *LeftOut) {
	switch {
	case !isGoods(r.sku):
		out.NonGoods++
	case !isSKU(r.sku):
		out.SKU++
	case r.quantity == 0 || r.quantity > maxQuantity || r.quantity < -maxQuantity || r.cancellation && r.quantity > 0:
		out.Quantity++
	case i.long:
		out.Long++
	case i.rows == maxLines:
		out.Long += i.rows + 1
		i.added, i.removed, i.long = nil, nil, true
	case r.cancellation:
		i.added = append(i.added, Line{Number: r.line, SKU: r.sku, Quantity: -r.quantity})
		i.rows++
	case r.quantity < 0:
		i.removed = append(i.removed, Line{Number: r.line, SKU: r.sku, Quantity: -r.quantity})
		i.rows++
	default:
		i.added = append(i.added, Line{Number: r.line, SKU: r.sku, Quantity: r.quantity})
		i.rows++
	}
}

// events are what the invoice comes to: none when all of it was left out.
func (i *invoice) events() []Event {
	var events []Event
	if len(i.added) > 0 {
		kind := Sale
		if isCancellation(i.number) {
			kind = Cancellation
		}
		events = append(events, i.event(kind, i.added))
	}
	if len(i.removed) > 0 {
		events = append(events, i.event(WriteOff, i.removed))
	}
	return events
}

func (i *invoice) event(kind Kind, lines []Line) Event {
	return Event{Kind: kind, Invoice: i.number, At: i.at, Customer: i.customer, Lines: slices.Clip(lines)}
}

// window is how many rows of other invoices may come between two of one. Tills
// that work at the same time mix their rows a little; a file sorted by anything
// but time and invoice cannot be gathered in bounded memory.
const window = 1024

// desk holds the invoices that may still go on, the one that was silent for the
// longest first, and remembers which ended.
type desk struct {
	open  []*invoice
	ended map[string]struct{}
	rows  int
}

// place is the invoice that a row belongs to.
func (d *desk) place(r row) (*invoice, error) {
	d.rows++
	for at := len(d.open) - 1; at >= 0; at-- { // nearly always the last
		i := d.open[at]
		if i.number != r.invoice {
			continue
		}
		i.last = d.rows
		d.open = append(slices.Delete(d.open, at, at+1), i)
		return i, nil
	}
	if _, ended := d.ended[r.invoice]; ended {
		return nil, fmt.Errorf("line %d: invoice %q goes on after more than %d lines of others: keep the lines of an invoice together", r.line, r.invoice, window)
	}
	i := newInvoice(r)
	i.last = d.rows
	d.open = append(d.open, i)
	return i, nil
}

// next is an invoice that will not go on, or nil. At the end of the file none will.
func (d *desk) next(end bool) *invoice {
	if len(d.open) == 0 || !end && d.open[0].last+window >= d.rows {
		return nil
	}
	i := d.open[0]
	d.open = slices.Delete(d.open, 0, 1)
	d.ended[i.number] = struct{}{}
	return i
}
