package history

import (
	"fmt"
	"strings"
	"time"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// Kind is what a call asks.
type Kind string

// The kinds of calls. ConfirmAny is a Confirm with RESERVE_AGAIN.
const (
	Try         Kind = "Try"
	Confirm     Kind = "Confirm"
	ConfirmAny  Kind = "ConfirmAny"
	Cancel      Kind = "Cancel"
	Extend      Kind = "Extend"
	Fulfill     Kind = "Fulfill"
	Return      Kind = "Return"
	Read        Kind = "GetReservation"
	SetStock    Kind = "SetStock"
	AdjustStock Kind = "AdjustStock"
	ReadStock   Kind = "GetStock"
)

func (k Kind) reads() bool { return k == Read || k == ReadStock }

// ofStock kinds are about a stock row, all others about a reservation.
func (k Kind) ofStock() bool { return k == SetStock || k == AdjustStock || k == ReadStock }

// Sizes of a shelf: small, so that calls meet.
const (
	SKUs  = 2
	Holds = 3
)

// Units are so many of each sku of a shelf.
type Units [SKUs]int64

// Key names a reservation: its shelf, and its place among those of the shelf.
type Key struct{ Shelf, Hold int }

// ID is its id on the wire, in a run.
func (k Key) ID(run string) string { return fmt.Sprintf("%s-%d-%d", run, k.Shelf, k.Hold) }

// SKU is the name of a sku of a shelf, in a run.
func SKU(run string, shelf, sku int) string { return fmt.Sprintf("%s-%d-sku%d", run, shelf, sku) }

// Call is what a client asks. Fields that its kind does not need are zero.
type Call struct {
	Kind   Kind
	Shelf  int
	Hold   int                  `json:",omitempty"` // of calls on reservations
	Lines  Units                // Try
	TTL    time.Duration        `json:",omitempty"` // Try, Extend
	Policy stockholdv1.OnExpiry `json:",omitempty"` // Try

	SKU        int    `json:",omitempty"` // of calls on stock
	Adjustment int    `json:",omitempty"` // SetStock, AdjustStock: which of the shelf's adjustment ids
	Amount     int64  `json:",omitempty"` // on_hand or delta
	Expected   *int64 `json:",omitempty"` // SetStock: expected_on_hand
}

// Key is the reservation that a call is about.
func (c Call) Key() Key { return Key{c.Shelf, c.Hold} }

// Answer is what a client heard.
type Answer struct {
	Open      bool               `json:",omitempty"` // no final answer: it may have happened
	Refusal   stockholdv1.Reason `json:",omitempty"` // 0: OK
	Replayed  bool               `json:",omitempty"`
	State     stockholdv1.State  `json:",omitempty"` // of the reservation, in refusals too where they show it
	Lines     Units              // of the reservation
	Expires   time.Duration      `json:",omitempty"` // its expires_at, since the start of the history; 0: none shown
	Stock     Stock              // of calls on stock
	Available int64              `json:",omitempty"` // and its available
	Short     [SKUs]*int64       // INSUFFICIENT_STOCK: what was available of each sku that is short
}

// Stock is a stock row as it is read.
type Stock struct{ OnHand, Reserved, Committed, Version int64 }

// Operation is a call and its answer. Times count from the start of the history.
type Operation struct {
	Client   int
	Call     Call
	Answer   Answer
	Called   time.Duration
	Returned time.Duration // of an open one, the end of the history
	Echo     bool          `json:",omitempty"` // made by the process, see the package's comment
}

// Word is what the owner's decider answers about a reservation, if it decided.
type Word struct {
	Verdict stockholdv1.Verdict
	Given   time.Duration // when it was first asked and said so
}

// History is all that was recorded of a run.
type History struct {
	Run        string      // starts the names of its reservations and skus
	Operations []Operation `json:",omitempty"`
	Words      []KeyedWord // of the decider
}

// KeyedWord is a word about one reservation.
type KeyedWord struct {
	Key  Key
	Word Word
}

func (c Call) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d", c.Kind, c.Shelf)
	switch {
	case !c.Kind.ofStock():
		fmt.Fprintf(&b, "-%d", c.Hold)
		if c.Kind == Try {
			fmt.Fprintf(&b, " %v %s", c.Lines, strings.TrimPrefix(c.Policy.String(), "ON_EXPIRY_"))
		}
		if c.TTL > 0 {
			fmt.Fprintf(&b, " for %s", c.TTL)
		}
	default:
		fmt.Fprintf(&b, "-sku%d", c.SKU)
		if !c.Kind.reads() {
			fmt.Fprintf(&b, " %+d #%d", c.Amount, c.Adjustment)
		}
		if c.Expected != nil {
			fmt.Fprintf(&b, " if %d", *c.Expected)
		}
	}
	return b.String()
}

func (a Answer) String() string {
	if a.Open {
		return "?"
	}
	var b strings.Builder
	if a.Refusal != 0 {
		b.WriteString(strings.TrimPrefix(a.Refusal.String(), "REASON_"))
		for sku, available := range a.Short {
			if available != nil {
				fmt.Fprintf(&b, " sku%d has %d", sku, *available)
			}
		}
	} else {
		b.WriteString("OK")
	}
	if a.State != 0 {
		fmt.Fprintf(&b, " %s %v", strings.TrimPrefix(a.State.String(), "STATE_"), a.Lines)
	}
	if a.Stock != (Stock{}) {
		fmt.Fprintf(&b, " %+v", a.Stock)
	}
	if a.Replayed {
		b.WriteString(" replayed")
	}
	if a.Expires != 0 {
		fmt.Fprintf(&b, " until %s", a.Expires)
	}
	return b.String()
}
