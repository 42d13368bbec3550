package reservation

import (
	"context"
	"errors"
	"time"

	"stockhold/internal/tracing"
	"stockhold/inventory"
)

// Store is the database under the ledger. It moves rows and knows SQL; it
// decides nothing. Its errors wrap one of the sentinels below, or are blamed on
// the data of the statement.
type Store interface {
	// Begin opens one READ COMMITTED transaction. It must end in Commit or Rollback.
	Begin(ctx context.Context) (Tx, error)
	// Stocks reads rows without locks; keys that have none are left out.
	Stocks(ctx context.Context, keys []inventory.Key) ([]inventory.Stock, error)
	// Known tells which of the ids have a row, without locks.
	Known(ctx context.Context, ids []HoldID) ([]HoldID, error)
	// Reservation reads one with its lines; nil when there is none.
	Reservation(ctx context.Context, id HoldID) (*Reservation, error)
	// Reservations reads one page in order of Key. It looks at a bounded number
	// of rows, so a page may be short and still not be the last: next is then
	// not 0.
	Reservations(ctx context.Context, filter Filter, after int64, limit int) (page []*Reservation, next int64, err error)
	// StockPage reads stock rows after a key, in key order; sku or location
	// narrow it when not empty.
	StockPage(ctx context.Context, sku, location string, after inventory.Key, limit int) ([]inventory.Stock, error)
	// Claim pushes next_check_at of due ASK holds forward by a lease, oldest
	// first, skipping rows that somebody else has locked.
	Claim(ctx context.Context, lease time.Duration, limit int) ([]Claim, error)
	// Purge deletes up to limit rows of what ended long ago.
	Purge(ctx context.Context, keep Retention, limit int) (int, error)
	// Undecided counts what is past its expiry, without scanning further than limit.
	Undecided(ctx context.Context, limit int) (Undecided, error)
	// Ping answers nil when the ledger can be written.
	Ping(ctx context.Context) error
}

// Tx is one transaction of a batch. All its reads but Exist are locking reads
// in key order; nothing is decided on what was read before it was locked.
type Tx interface {
	// LockReservations locks and reads those of the ids that exist, without lines.
	LockReservations(ctx context.Context, ids []HoldID, locked Locked) ([]*Reservation, error)
	// ReadLines fills in the lines of locked reservations.
	ReadLines(ctx context.Context, held []*Reservation) error
	// LockDue locks and reads holds of one policy whose next check is due by the
	// database's clock, oldest first, without lines, skipping rows that are locked.
	LockDue(ctx context.Context, policy OnExpiry, limit int) ([]*Reservation, error)
	// LockStocks locks and reads those of the stock rows that exist.
	LockStocks(ctx context.Context, keys []inventory.Key, locked Locked) ([]inventory.Stock, error)
	// Adjustments reads those of the adjustment ids that exist. Call it under the stock locks.
	Adjustments(ctx context.Context, ids []string) ([]inventory.Adjustment, error)
	// Exist tells which of the ids are committed by now.
	Exist(ctx context.Context, ids []HoldID) ([]HoldID, error)
	// Now reads the database's clock: once per batch, under its locks.
	Now(ctx context.Context) (time.Time, error)
	// Write puts a batch's differences into the transaction.
	Write(ctx context.Context, changes *Changes) error
	// Commit ends the transaction. ErrCommitUnknown when no reply came.
	Commit(ctx context.Context) error
	// Rollback ends it without a trace. Safe after Commit.
	Rollback()
}

// Locked says what a locking read does with rows that another transaction has locked.
type Locked bool

// The two ways to meet a lock.
const (
	Await Locked = false // wait, up to the store's limit
	Pass  Locked = true  // pass over the row as if it were not there
)

// What a store's errors mean for a batch.
var (
	// ErrConflict: another transaction was first (duplicate key), or this one
	// was chosen to break a deadlock. Roll back and run the batch again.
	ErrConflict = errors.New("conflict with another transaction")
	// ErrLockWait: a row stayed locked for too long. Only the statement was
	// rolled back: the transaction must be.
	ErrLockWait = errors.New("lock wait timed out")
	// ErrAway: no connection, read-only, too many connections. Nothing was written.
	ErrAway = errors.New("the database is away")
	// ErrCommitUnknown: the reply to COMMIT was lost. It may still be under way.
	ErrCommitUnknown = errors.New("the outcome of COMMIT is unknown")
)

// Changes are the differences that a batch makes, ready to be written: new rows
// first, in key order.
type Changes struct {
	NewReservations []*Reservation
	NewStocks       []inventory.Stock
	NewAdjustments  []inventory.Adjustment
	Rescheduled     []Reschedule
	Moved           []Transition
	Stocks          []inventory.Stock // rows under this batch's locks, as they are to be
}

// Empty reports whether there is nothing to write.
func (c *Changes) Empty() bool {
	return len(c.NewReservations)+len(c.NewStocks)+len(c.NewAdjustments)+len(c.Rescheduled)+len(c.Moved)+len(c.Stocks) == 0
}

// Transition moves reservations from one state to another, all alike.
type Transition struct {
	From, To State
	By       Resolver
	At       time.Time
	Reason   string
	Keys     []int64
}

// Reschedule sets when RESERVED holds expire and are looked at, all alike.
type Reschedule struct {
	ExpiresAt   time.Time // zero: as it was
	NextCheckAt time.Time
	Checks      int
	ParkedAt    time.Time // zero: not parked
	Keys        []int64
}

// Filter narrows a listing. Zero fields do not narrow.
type Filter struct {
	Owner         string
	States        []State
	SKU           string
	Location      string
	CreatedAfter  time.Time // inclusive
	CreatedBefore time.Time // exclusive
	Parked        bool
}

// Claim is a hold whose owner is to be asked, leased to one sweeper.
type Claim struct {
	HoldID
	Reference string
	ExpiresAt time.Time
	Checks    int
	Parked    bool
	Lease     time.Time     // the next_check_at that this claim wrote
	Trace     *tracing.Mark // the Try's place in its trace; see Reservation
}

// Retention says how long what has ended is kept, from its latest change of state.
// CONFIRMED reservations are kept for ever: their goods are still promised.
type Retention struct {
	Ended       time.Duration // FULFILLED, RETURNED, EXPIRED, and CANCELED with lines
	Tombstones  time.Duration // CANCELED without lines: Cancels that came before their Try
	Adjustments time.Duration
}

// Undecided is what the sweeper has before it.
type Undecided struct {
	Overdue int           // holds past their expiry (no more than the limit are counted)
	Asked   int           // of these, checked at least once without a decision
	Parked  int           // of these, shown to an operator
	Oldest  time.Duration // how long the oldest of them is past its expiry
}
