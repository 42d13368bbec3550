package reservation

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"stockhold/internal/tracing"
	"stockhold/inventory"
)

// Names of the gate's side that this package speaks of all the time.
type (
	// HoldID names a reservation: the caller's id, unique within its owner.
	HoldID = inventory.HoldID
	// Line is one part of a reservation.
	Line = inventory.Line
)

// Reservation is one hold over 1..n lines, as the ledger has it.
type Reservation struct {
	HoldID
	Key         int64 // the ledger's own time-ordered key; 0 until it is written
	State       State
	Lines       []Line // merged, in key order; nil for a tombstone. Never changed after Try
	LineCount   int    // how many lines there are, also where they were not read
	Fingerprint Fingerprint
	OnExpiry    OnExpiry
	Reference   string // the caller's word for it (an order number), shown to its decider
	Reason      string // why it was canceled or resolved, in the words of who did it
	CreatedAt   time.Time
	ExpiresAt   time.Time // when policy or check-back may act; changes nothing by itself. Zero for a tombstone
	ResolvedAt  time.Time // the latest change of state; zero while RESERVED
	ResolvedBy  Resolver
	NextCheckAt time.Time     // when the sweeper looks next; zero once it need not
	Checks      int           // check-backs that ended without a decision
	ParkedAt    time.Time     // since when an operator should look; zero if not
	Trace       *tracing.Mark // the Try's place in its trace, if that was sampled; nil otherwise
}

// Parked reports whether the hold waits for an operator.
func (r *Reservation) Parked() bool { return r.State == Reserved && !r.ParkedAt.IsZero() }

// OnExpiry is what the sweeper does with a hold that is past its expiry.
type OnExpiry uint8

// The policies. The numbers are those of the wire contract.
const (
	DefaultExpiry   OnExpiry = iota // Ask where the owner has a decider, else Release
	AskOwner                        // nothing but the owner's answer ends it
	ReleaseOnExpiry                 // units go back
	ConfirmOnExpiry                 // units are taken
)

func (e OnExpiry) String() string {
	if int(e) < len(expiryNames) {
		return expiryNames[e]
	}
	return fmt.Sprintf("ON_EXPIRY(%d)", e)
}

var expiryNames = [...]string{"DEFAULT", "ASK", "RELEASE", "CONFIRM"}

// Resolver is who brought a reservation to its state.
type Resolver uint8

// The resolvers. The numbers are those of the wire contract.
const (
	Nobody Resolver = iota
	ByCaller
	ByCheckBack
	ByPolicy
	ByOperator
)

func (r Resolver) String() string {
	if int(r) < len(resolverNames) {
		return resolverNames[r]
	}
	return fmt.Sprintf("RESOLVER(%d)", r)
}

var resolverNames = [...]string{"NOBODY", "CALLER", "CHECK_BACK", "POLICY", "OPERATOR"}

// Fingerprint tells whether two Trys ask for the same lines: the first half of
// a SHA-256 over the merged lines. It spares reading the lines of every replay.
type Fingerprint [16]byte

// FingerprintOf reads merged lines; their parts are written with their lengths,
// so that no two lists of lines share an encoding.
func FingerprintOf(lines []Line) Fingerprint {
	buf := make([]byte, 0, 32*len(lines))
	for _, line := range lines {
		buf = binary.AppendUvarint(buf, uint64(len(line.Location)))
		buf = append(buf, line.Location...)
		buf = binary.AppendUvarint(buf, uint64(len(line.SKU)))
		buf = append(buf, line.SKU...)
		buf = binary.AppendUvarint(buf, uint64(line.Quantity))
	}
	sum := sha256.Sum256(buf)
	return Fingerprint(sum[:16])
}
