package store_test

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"stockhold/inventory"
	"stockhold/reservation"
)

// ask is one call in the model's words: those of the state table's columns, and
// defer, recount and adjust.
type ask struct {
	verb string
	id   inventory.HoldID

	lines      []inventory.Line // try: as callers write them, in any order, a key twice
	ttl        time.Duration    // try, extend; defer: until the next check
	when       int              // try: whenever, in time or late by its not_after
	policy     reservation.OnExpiry
	reference  string
	repeats    bool   // try: the lines are those that the id has, if it has any
	known      bool   // try: the ledger is told to look for the id first
	reason     string // cancel, word
	operator   bool   // word: an operator's and not a decider's
	staleLease bool   // defer: of an earlier claim
	checks     int    // defer
	park       bool   // defer

	change inventory.Change // recount, adjust
}

const (
	whenever = iota
	inTime
	late
)

// GoString is how a failing history is printed.
func (a ask) GoString() string {
	switch a.verb {
	case "try":
		text := fmt.Sprintf("try %s %s ttl %s when %d", a.id.ID, a.policy, a.ttl, a.when)
		for _, l := range a.lines {
			text += fmt.Sprintf(" %d*%s", l.Quantity, l.SKU)
		}
		return text
	case "recount", "adjust":
		return fmt.Sprintf("%s %s %s %d expected %v", a.verb, a.change.ID, a.change.Key.SKU, a.change.Amount, a.change.Expected)
	case "extend", "defer":
		return fmt.Sprintf("%s %s %s (stale %t, checks %d, park %t)", a.verb, a.id.ID, a.ttl, a.staleLease, a.checks, a.park)
	default:
		return a.verb + " " + a.id.ID
	}
}

func (a ask) by() reservation.Resolver {
	switch {
	case a.verb == "expire", a.verb == "confirm_due":
		return reservation.ByPolicy
	case a.verb == "word" && a.operator:
		return reservation.ByOperator
	case a.verb == "word":
		return reservation.ByCheckBack
	default:
		return reservation.ByCaller
	}
}

func (a ask) notAfter() time.Time {
	switch a.when {
	case inTime:
		return time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	case late:
		return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	default:
		return time.Time{}
	}
}

// The verbs that say something of a reservation that may be there.
var columnCalls = map[string]reservation.Call{
	"confirm": reservation.Confirm, "again": reservation.ConfirmAny, "cancel": reservation.Cancel,
	"word": reservation.CancelKnown, "extend": reservation.Extend, "fulfill": reservation.Fulfill,
	"return": reservation.Return, "expire": reservation.ExpireDue, "confirm_due": reservation.ConfirmDue,
}

// repeated are the lines of an earlier Try, written otherwise.
func repeated(lines []inventory.Line) (out []inventory.Line) {
	for _, l := range slices.Backward(lines) {
		for range l.Quantity {
			out = append(out, inventory.Line{Key: l.Key, Quantity: 1})
		}
	}
	return out
}

// operation hands the ask to the ledger itself, as the sweeper does; lease is the
// next check that the hold had before.
func (a ask) operation(lease time.Time) *reservation.Operation {
	switch a.verb {
	case "recount", "adjust":
		change := a.change
		return &reservation.Operation{Change: &change}
	case "defer":
		if a.staleLease {
			lease = lease.Add(-time.Microsecond)
		}
		return &reservation.Operation{ID: a.id, Defer: &reservation.Deferral{Lease: lease, Delay: a.ttl, Checks: a.checks, Park: a.park}}
	case "try":
		lines := inventory.MergeLines(a.lines)
		return &reservation.Operation{
			Call: reservation.Try, ID: a.id, By: reservation.ByCaller, Lines: lines, Fingerprint: reservation.FingerprintOf(lines),
			TTL: a.ttl, OnExpiry: a.policy, Reference: a.reference, NotAfter: a.notAfter(), Known: a.known,
		}
	default:
		return &reservation.Operation{Call: columnCalls[a.verb], ID: a.id, By: a.by(), TTL: a.ttl, Reason: a.reason}
	}
}

// The service's own words for the same.

func (a ask) try() reservation.TryRequest {
	return reservation.TryRequest{ID: a.id, Lines: a.lines, TTL: a.ttl, OnExpiry: a.policy, Reference: a.reference, NotAfter: a.notAfter()}
}

func (a ask) request() reservation.Request {
	return reservation.Request{ID: a.id, Call: columnCalls[a.verb], TTL: a.ttl, Reason: a.reason, By: a.by()}
}

// asks draws calls on a few names of one run, which is their owner and location.
type asks struct{ run string }

func (g asks) key(t *rapid.T) inventory.Key {
	return inventory.Key{Location: g.run, SKU: rapid.SampledFrom([]string{"A", "A", "A", "B", "B", "C"}).Draw(t, "sku")}
}

func (g asks) id(t *rapid.T) inventory.HoldID {
	return inventory.HoldID{Owner: g.run, ID: rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "id")}
}

// histories bring an id to each state.
var histories = [][]string{{"try"}, {"try", "confirm"}, {"try", "confirm", "fulfill"}, {"try", "confirm", "return"},
	{"try", "cancel"}, {"cancel"}, {"try", "expire"}, {"try", "expire"}, {}}

// opening draws calls that bring every id to some state.
func (g asks) opening(t *rapid.T) (opening []ask) {
	for _, id := range []string{"1", "2", "3"} {
		history := rapid.SampledFrom(histories).Draw(t, "history")
		for _, verb := range history {
			a := g.one(verb).Draw(t, "opening")
			a.id.ID = id
			if a.when == late {
				a.when = inTime
			}
			if slices.Contains(history, "expire") {
				a.ttl = 0 // which is over within the batch
			}
			opening = append(opening, a)
		}
	}
	return opening
}

// one draws a call of one of the verbs. A ttl of a microsecond is over in the next
// transaction.
func (g asks) one(verbs ...string) *rapid.Generator[ask] {
	return rapid.Custom(func(t *rapid.T) ask {
		a := ask{verb: rapid.SampledFrom(verbs).Draw(t, "verb")}
		switch a.verb {
		case "recount", "adjust":
			a.change = g.change(t, a.verb == "recount")
			return a
		case "try":
			for range rapid.IntRange(1, 3).Draw(t, "lines") {
				a.lines = append(a.lines, inventory.Line{Key: g.key(t), Quantity: rapid.Int64Range(1, 3).Draw(t, "units")})
			}
			a.policy = rapid.SampledFrom([]reservation.OnExpiry{reservation.AskOwner, reservation.ReleaseOnExpiry, reservation.ConfirmOnExpiry}).Draw(t, "policy")
			a.when = rapid.SampledFrom([]int{whenever, whenever, whenever, inTime, inTime, late}).Draw(t, "when")
			a.reference = rapid.SampledFrom([]string{"", "cart 7"}).Draw(t, "reference")
			a.repeats = rapid.Bool().Draw(t, "repeats")
			a.known = rapid.Bool().Draw(t, "known")
		case "cancel", "word":
			a.reason = rapid.SampledFrom([]string{"", "changed their mind"}).Draw(t, "reason")
			a.operator = rapid.Bool().Draw(t, "operator")
		case "defer":
			a.staleLease = rapid.IntRange(0, 3).Draw(t, "stale") == 3
			a.checks = rapid.IntRange(1, 3).Draw(t, "checks")
			a.park = rapid.Bool().Draw(t, "park")
		}
		a.id = g.id(t)
		if a.verb == "try" || a.verb == "extend" || a.verb == "defer" {
			a.ttl = rapid.SampledFrom([]time.Duration{time.Microsecond, time.Microsecond, time.Hour, 2 * time.Hour}).Draw(t, "ttl")
		}
		return a
	})
}

func (g asks) change(t *rapid.T, recount bool) inventory.Change {
	c := inventory.Change{
		ID:  g.run + "-" + rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}).Draw(t, "adjustment"),
		Key: g.key(t), Set: recount,
	}
	if !recount {
		c.Amount = rapid.Int64Range(-8, 8).Filter(func(n int64) bool { return n != 0 }).Draw(t, "delta")
		return c
	}
	c.Amount = rapid.Int64Range(0, 12).Draw(t, "units")
	if rapid.Bool().Draw(t, "compares") {
		expected := rapid.Int64Range(0, 6).Draw(t, "expected")
		c.Expected = &expected
	}
	return c
}
