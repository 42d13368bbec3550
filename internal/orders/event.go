package orders

import "time"

// Kind is what an event is about.
type Kind uint8

// The kinds.
const (
	Sale         Kind = iota + 1 // a customer orders goods
	Cancellation                 // a customer wants no more of what was ordered before, or sends it back
	WriteOff                     // goods are broken, lost or were miscounted
)

func (k Kind) String() string {
	switch k {
	case Sale:
		return "sale"
	case Cancellation:
		return "cancellation"
	case WriteOff:
		return "write-off"
	default:
		return "unknown"
	}
}

// Event is one invoice, or the part of it that is of one kind.
type Event struct {
	Kind     Kind
	Invoice  string    // unique among the events of a kind; 1 to 36 of A-Z a-z 0-9 . _ : -
	At       time.Time // of its first line; the shop's clock, which names no zone, read as UTC
	Customer string    // empty when not known
	Lines    []Line    // 1 to 2,000, as they were written: a sku may come more than once
}

// Units is the sum of the quantities.
func (e Event) Units() int64 {
	var units int64
	for _, line := range e.Lines {
		units += line.Quantity
	}
	return units
}

// Line is one position of an invoice.
type Line struct {
	Number   int    // the line of the file, or the how many-th of a mix: unique in its source
	SKU      string // one that stockhold accepts
	Quantity int64  // 1 to 1e9, whatever the kind
}

// Source gives events until io.EOF. After any other error it is of no more use.
type Source interface {
	Next() (Event, error)
}

// LeftOut counts the rows of a file that became part of no event.
type LeftOut struct {
	NonGoods int `json:"non_goods"` // postage, fees, discounts, vouchers and the like
	SKU      int `json:"sku"`       // characters or a length that stockhold refuses
	Quantity int `json:"quantity"`  // none, over 1e9, or more instead of less in a cancellation
	Long     int `json:"long"`      // of invoices with more than 2,000 lines
	Invoices int `json:"invoices"`  // the invoices of which nothing was left
}

// Total is all rows.
func (l LeftOut) Total() int { return l.NonGoods + l.SKU + l.Quantity + l.Long }
