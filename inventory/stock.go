package inventory

import (
	"slices"
	"strings"
)

// Key names one stock row: what is held, and where.
type Key struct {
	Location string
	SKU      string
}

// Compare orders keys by location, then sku, byte by byte. Every process locks
// stock rows in this order, so two batches cannot wait for each other in a ring.
func (k Key) Compare(other Key) int {
	if c := strings.Compare(k.Location, other.Location); c != 0 {
		return c
	}
	return strings.Compare(k.SKU, other.SKU)
}

// String is for logs and messages only; it is never parsed.
func (k Key) String() string { return k.Location + "/" + k.SKU }

// Stock is one row of the ledger: the truth about one sku at one location.
type Stock struct {
	Key
	OnHand    int64 // units physically there; below 0 only after a Fulfill that outran a recount
	Reserved  int64 // units of reservations in state RESERVED
	Committed int64 // units of reservations in state CONFIRMED
	Version   int64 // grows by one with every batch that changes the row
}

// Available is what a new hold may still take. A recount can make it negative.
func (s Stock) Available() int64 { return s.OnHand - s.Reserved - s.Committed }

// View is what the gate may know of the row.
func (s Stock) View() View { return View{Key: s.Key, Quota: s.Available(), Version: s.Version} }

// View is the gate's knowledge of one stock row: the ledger's available as it
// was at Version. Views are absolute, so a lost one is repaired by the next.
type View struct {
	Key
	Quota   int64
	Version int64
}

// HoldID names a reservation: the caller's id, unique within its owner.
type HoldID struct {
	Owner string
	ID    string
}

// Compare orders ids by owner, then id, byte by byte: the order in which every
// process locks and inserts reservations.
func (h HoldID) Compare(other HoldID) int {
	if c := strings.Compare(h.Owner, other.Owner); c != 0 {
		return c
	}
	return strings.Compare(h.ID, other.ID)
}

// String is for logs and messages only; it is never parsed.
func (h HoldID) String() string { return h.Owner + "/" + h.ID }

// Line is one part of a hold: so many units of one stock row.
type Line struct {
	Key
	Quantity int64
}

// Hold is what the gate freezes: all lines or none.
type Hold struct {
	HoldID
	Lines []Line // merged: no key twice
}

// Shortage says how far a line is from fitting. Available is the ledger's figure.
type Shortage struct {
	Key
	Requested int64
	Available int64
}

// MergeLines adds up lines of the same stock row and sorts the result in key
// order: the one shape in which lines are stored, compared and locked.
func MergeLines(lines []Line) []Line {
	merged := slices.Clone(lines)
	slices.SortFunc(merged, func(a, b Line) int { return a.Key.Compare(b.Key) })
	out := merged[:0]
	for _, line := range merged {
		if n := len(out); n > 0 && out[n-1].Key == line.Key {
			out[n-1].Quantity += line.Quantity
			continue
		}
		out = append(out, line)
	}
	return out
}

// SortKeys sorts keys in lock order and drops repeats, in place.
func SortKeys(keys []Key) []Key {
	slices.SortFunc(keys, Key.Compare)
	return slices.Compact(keys)
}

// SortHolds sorts ids in lock order and drops repeats, in place.
func SortHolds(ids []HoldID) []HoldID {
	slices.SortFunc(ids, HoldID.Compare)
	return slices.Compact(ids)
}
