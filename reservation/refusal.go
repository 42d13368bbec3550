package reservation

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"stockhold/inventory"
)

// Reason says why a call was refused. The numbers are those of the wire contract.
type Reason uint8

// The reasons. A refusal is a final answer about the call, not a failure of
// the service; what may be repeated carries RetryAfter.
const (
	InsufficientStock Reason = iota + 1
	WasCanceled
	WasReleased
	AlreadyConfirmed
	NotConfirmed
	AlreadyFulfilled
	TooLate
	ReusedID
	NotFound
	UnknownSKU
	Stale
	Invalid
	Overloaded
)

var reasonNames = [...]string{
	InsufficientStock: "INSUFFICIENT_STOCK", WasCanceled: "CANCELED", WasReleased: "RELEASED",
	AlreadyConfirmed: "ALREADY_CONFIRMED", NotConfirmed: "NOT_CONFIRMED", AlreadyFulfilled: "ALREADY_FULFILLED",
	TooLate: "TOO_LATE", ReusedID: "ID_REUSED", NotFound: "NOT_FOUND", UnknownSKU: "UNKNOWN_SKU",
	Stale: "STALE", Invalid: "INVALID", Overloaded: "OVERLOADED",
}

func (r Reason) String() string {
	if r > 0 && int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return fmt.Sprintf("REASON(%d)", r)
}

// Refusal is the error of a call that was understood and not done.
type Refusal struct {
	Reason      Reason
	Message     string               // one sentence for people; programs read the fields
	Shortages   []inventory.Shortage // every short or unknown line, with the ledger's figures
	Reservation *Reservation         // the reservation that stands in the way, if any
	Violations  []Violation          // Invalid: every field at fault
	RetryAfter  time.Duration        // when repeating the same call may succeed; 0: do not repeat it
}

// Violation names a malformed field by its path on the wire.
type Violation struct {
	Field       string
	Description string
}

func (r *Refusal) Error() string {
	if len(r.Violations) == 0 {
		return r.Message
	}
	parts := make([]string, len(r.Violations))
	for i, v := range r.Violations {
		parts[i] = strings.TrimPrefix(v.Field+": "+v.Description, ": ") // a body that cannot be read has no field
	}
	return r.Message + ": " + strings.Join(parts, "; ")
}

// What can go wrong around a call. None of them is an answer about stock.
var (
	// ErrUnavailable: a store is away. Nothing is known to have been done;
	// repeat with the same id.
	ErrUnavailable = errors.New("the ledger is not available")
	// ErrCorrupt: the ledger contradicts itself. Somebody must look; the audit shows where.
	ErrCorrupt = errors.New("the ledger contradicts itself")
	// ErrInDoubt: the deadline passed while the call was in a batch. It may
	// have happened; repeat with the same id.
	ErrInDoubt = errors.New("the deadline passed while the call was being written: it may have happened, repeat it with the same id")
)

func insufficient(short []inventory.Shortage) *Refusal {
	first := short[0]
	return &Refusal{Reason: InsufficientStock, Shortages: short,
		Message: fmt.Sprintf("%s: %d requested, %d available%s", first.Key, first.Requested, first.Available, andMore(len(short)-1))}
}

func unknownSKUs(unknown []inventory.Shortage) *Refusal {
	return &Refusal{Reason: UnknownSKU, Shortages: unknown,
		Message: fmt.Sprintf("%s has no stock row%s", unknown[0].Key, andMore(len(unknown)-1))}
}

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", and %d more lines", n)
}

// refuse words a refusal by the state table.
func refuse(reason Reason, id HoldID, r *Reservation, shortages []inventory.Shortage) *Refusal {
	refusal := &Refusal{Reason: reason, Shortages: shortages}
	if r.State != None {
		refusal.Reservation = r
	}
	switch reason {
	case NotFound:
		refusal.Message = fmt.Sprintf("no reservation %s", id)
	case ReusedID:
		refusal.Message = fmt.Sprintf("reservation_id %s was used for other lines", id)
	case NotConfirmed:
		refusal.Message = fmt.Sprintf("reservation %s is not confirmed", id)
	case WasReleased:
		refusal.Message = fmt.Sprintf("reservation %s was released: it is %s since %s", id, r.State, stamp(r.ResolvedAt))
		if len(shortages) > 0 {
			refusal.Message += ", and its lines no longer fit"
		}
	default:
		refusal.Message = fmt.Sprintf("reservation %s is %s since %s", id, r.State, stamp(r.ResolvedAt))
	}
	return refusal
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
