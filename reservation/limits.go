package reservation

import (
	"fmt"
	"time"
	"unicode/utf8"

	"stockhold/inventory"
)

// Limits are what a well-formed call may ask. The ledger's columns are as wide
// as the defaults: names can be limited further, not less.
type Limits struct {
	IDLength   int           // bytes of an id, owner or location
	SKULength  int           // bytes of a sku
	TextLength int           // characters of a reference or reason
	Lines      int           // lines of a reservation, after merging equal ones
	Quantity   int64         // units of a line
	OnHand     int64         // units of a stock row
	MinTTL     time.Duration // shortest hold
	MaxTTL     time.Duration // longest hold
	DefaultTTL time.Duration // for a Try that names none
	Batch      int           // items of a batch call
	PageSize   int           // items of a page
}

// DefaultLimits are those of the wire contract.
func DefaultLimits() Limits {
	return Limits{
		IDLength: 64, SKULength: 64, TextLength: 255, Lines: 2000, Quantity: 1e9, OnHand: 1e12,
		MinTTL: time.Second, MaxTTL: 30 * 24 * time.Hour, DefaultTTL: 15 * time.Minute,
		Batch: 1000, PageSize: 500,
	}
}

// DefaultName is the owner and location of a call that names none.
const DefaultName = "default"

// maxViolations keeps the refusal of a thoroughly malformed call short.
const maxViolations = 20

// checker collects what is wrong with a call, field by field.
type checker struct {
	limits     Limits
	violations []Violation
}

func (c *checker) fault(field, format string, args ...any) {
	if len(c.violations) < maxViolations {
		c.violations = append(c.violations, Violation{Field: field, Description: fmt.Sprintf(format, args...)})
	}
}

// refusal is nil when nothing was wrong.
func (c *checker) refusal() error {
	if len(c.violations) == 0 {
		return nil
	}
	return &Refusal{Reason: Invalid, Message: "malformed", Violations: c.violations}
}

// id checks an id, an owner or a location.
func (c *checker) id(field, value string) {
	if len(value) == 0 || len(value) > c.limits.IDLength {
		c.fault(field, "has %d bytes, must have 1 to %d", len(value), c.limits.IDLength)
		return
	}
	for i := range len(value) {
		if !idByte(value[i]) {
			c.fault(field, "has %q at byte %d, may have only A-Z a-z 0-9 . _ : -", value[i], i)
			return
		}
	}
}

func idByte(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '.' || b == '_' || b == ':' || b == '-'
}

func (c *checker) sku(field, value string) {
	if len(value) == 0 || len(value) > c.limits.SKULength {
		c.fault(field, "has %d bytes, must have 1 to %d", len(value), c.limits.SKULength)
		return
	}
	for i := range len(value) {
		if b := value[i]; b <= ' ' || b > '~' || b == '{' || b == '}' {
			c.fault(field, "has %q at byte %d, may have only printable ASCII without space and braces", b, i)
			return
		}
	}
}

func (c *checker) text(field, value string) {
	switch {
	case !utf8.ValidString(value):
		c.fault(field, "is not valid UTF-8")
	case utf8.RuneCountInString(value) > c.limits.TextLength:
		c.fault(field, "has %d characters, may have at most %d", utf8.RuneCountInString(value), c.limits.TextLength)
	}
}

func (c *checker) between(field string, value, least, most int64) {
	if value < least || value > most {
		c.fault(field, "is %d, must be %d to %d", value, least, most)
	}
}

func (c *checker) ttl(value time.Duration) {
	if value < c.limits.MinTTL || value > c.limits.MaxTTL {
		c.fault("ttl", "is %s, must be %s to %s", value, c.limits.MinTTL, c.limits.MaxTTL)
	}
}

func (c *checker) holdID(id HoldID) {
	c.id("reservation_id", id.ID)
	c.id("owner", id.Owner)
}

// lines checks each line as the caller wrote it, and then the merged ones.
func (c *checker) lines(lines []Line) []Line {
	for i, line := range lines {
		if len(c.violations) >= maxViolations {
			return nil
		}
		c.sku(fmt.Sprintf("lines[%d].sku", i), line.SKU)
		c.id(fmt.Sprintf("lines[%d].location_id", i), line.Location)
		c.between(fmt.Sprintf("lines[%d].quantity", i), line.Quantity, 1, c.limits.Quantity)
	}
	merged := inventory.MergeLines(lines)
	if len(merged) == 0 || len(merged) > c.limits.Lines {
		c.fault("lines", "has %d different lines, must have 1 to %d", len(merged), c.limits.Lines)
	}
	for _, line := range merged {
		if line.Quantity > c.limits.Quantity {
			c.fault("lines", "ask for %d of %s together, at most %d", line.Quantity, line.Key, c.limits.Quantity)
		}
	}
	return merged
}

func (c *checker) change(change inventory.Change) {
	c.sku("sku", change.Key.SKU)
	c.id("location_id", change.Key.Location)
	c.id("adjustment_id", change.ID)
	c.text("reason", change.Reason)
	c.text("reference", change.Reference)
	if change.Set {
		c.between("on_hand", change.Amount, 0, c.limits.OnHand)
	} else if c.between("delta", change.Amount, -c.limits.OnHand, c.limits.OnHand); change.Amount == 0 {
		c.fault("delta", "is 0, which changes nothing")
	}
}
