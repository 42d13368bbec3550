package store_test

import (
	"cmp"
	"maps"
	"slices"

	"stockhold/inventory"
	"stockhold/reservation"
)

// onHandLimit is low, so that changes run into it.
const onHandLimit = 20

func (b *books) change(c inventory.Change) reply {
	if known, ok := b.changes[c.ID]; ok {
		if known.Key != c.Key || known.Set != c.Set || known.Amount != c.Amount || !sameNumber(known.Expected, c.Expected) {
			return reply{Reason: reservation.ReusedID}
		}
		row := b.stock(c.Key)
		return reply{Stock: &row, Replayed: true}
	}
	var has int64
	if s := b.shelves[c.Key]; s != nil {
		has = s.onHand
	}
	after := c.Amount
	if !c.Set {
		after += has
	}
	switch {
	case c.Expected != nil && *c.Expected != has:
		return reply{Reason: reservation.Stale}
	case after > onHandLimit:
		return reply{Reason: reservation.Invalid}
	case after < 0 && c.Amount < 0:
		return reply{Reason: reservation.InsufficientStock, Shortages: []inventory.Shortage{{Key: c.Key, Requested: -c.Amount, Available: has}}}
	}
	if b.shelves[c.Key] == nil {
		b.shelves[c.Key] = &shelf{}
	}
	b.shelves[c.Key].onHand = after
	b.shelves[c.Key].touched = true
	b.changes[c.ID] = c
	row := b.stock(c.Key)
	return reply{Stock: &row}
}

func sameNumber(a, b *int64) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}

// stock is the row as a caller sees it, with the version that its batch gives it.
func (b *books) stock(k inventory.Key) inventory.Stock {
	s := b.shelves[k]
	row := inventory.Stock{Key: k, OnHand: s.onHand, Version: s.version}
	if s.touched {
		row.Version++
	}
	for _, r := range b.holds {
		for _, l := range r.Lines {
			switch {
			case l.Key != k:
			case r.State == reservation.Reserved:
				row.Reserved += l.Quantity
			case r.State == reservation.Confirmed:
				row.Committed += l.Quantity
			}
		}
	}
	return row
}

func (b *books) short(lines []inventory.Line) (short []inventory.Shortage) {
	for _, l := range lines {
		row := b.stock(l.Key)
		if free := row.OnHand - row.Reserved - row.Committed; free < l.Quantity {
			short = append(short, inventory.Shortage{Key: l.Key, Requested: l.Quantity, Available: free})
		}
	}
	return short
}

func (b *books) touch(lines []inventory.Line) {
	for _, l := range lines {
		b.shelves[l.Key].touched = true
	}
}

// merged adds up lines of one key. All of a test are at one location.
func merged(lines []inventory.Line) []inventory.Line {
	units := map[inventory.Key]int64{}
	for _, l := range lines {
		units[l.Key] += l.Quantity
	}
	var out []inventory.Line
	for _, k := range slices.SortedFunc(maps.Keys(units), func(a, b inventory.Key) int { return cmp.Compare(a.SKU, b.SKU) }) {
		out = append(out, inventory.Line{Key: k, Quantity: units[k]})
	}
	return out
}
