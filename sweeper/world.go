package sweeper

import (
	"context"
	"errors"
	"time"

	"stockhold/inventory"
	"stockhold/reservation"
)

// Store is what the sweeper reads of, and claims in, the ledger's database: a
// part of [reservation.Store].
type Store interface {
	Claim(ctx context.Context, lease time.Duration, limit int) ([]reservation.Claim, error)
	Stocks(ctx context.Context, keys []inventory.Key) ([]inventory.Stock, error)
	Purge(ctx context.Context, keep reservation.Retention, limit int) (int, error)
	Undecided(ctx context.Context, limit int) (reservation.Undecided, error)
}

// Ledger is where the sweeper acts: a [reservation.Ledger], running.
type Ledger interface {
	Do(ctx context.Context, ops []*reservation.Operation) []reservation.Answer
	RunDue(ctx context.Context, policy reservation.OnExpiry, limit int) ([]reservation.Due, error)
}

// Gate is what the sweeper tidies: an [inventory.Gate]. All of it may fail at
// any time.
type Gate interface {
	Pending(ctx context.Context, olderThan time.Duration, limit int) ([]inventory.Hold, error)
	Scan(ctx context.Context, cursor uint64, count int64) (keys []inventory.Key, next uint64, err error)
	Rows(ctx context.Context, keys []inventory.Key) ([]inventory.Row, error)
	Settle(ctx context.Context, views []inventory.View, holds []inventory.HoldID) error
	Drop(ctx context.Context, read []inventory.View) (dropped int, err error)
	Reclaim(ctx context.Context, keys []inventory.Key) ([]inventory.Leak, error)
}

// Decider asks one owner, or one address that serves several, what it decided.
// Its answer is not trusted to fit the questions. An error means that nobody
// answered. It must end when ctx does.
type Decider interface {
	Decide(ctx context.Context, owner string, questions []Question) ([]Decision, error)
}

// Question is one hold to decide about.
type Question struct {
	ID        string // the reservation id
	Reference string // the caller's word for it
	ExpiresAt time.Time
	Checks    int // how often it was asked without a decision
}

// Decision is an owner's word about one hold.
type Decision struct {
	ID         string
	Verdict    Verdict
	RetryAfter time.Duration // with Pending; 0: not said
}

// Verdict is what an owner decided. Numbers other than these count as Unknown.
type Verdict uint8

// The verdicts. The numbers are those of the wire contract.
const (
	Commit  Verdict = iota + 1 // confirm the hold
	Abort                      // cancel it
	Pending                    // ask again later
	Unknown                    // the owner cannot tell
)

func (v Verdict) String() string {
	switch v {
	case Commit:
		return "COMMIT"
	case Abort:
		return "ABORT"
	case Pending:
		return "PENDING"
	default:
		return "UNKNOWN"
	}
}

// errGate marks what went wrong on the gate's side of a pass.
var errGate = errors.New("the gate")
