package store_test

import (
	"slices"
	"strings"
	"time"

	"stockhold/inventory"
	"stockhold/reservation"
)

// The state table, as it is promised to callers, with two more columns: word is a
// decider's or operator's Cancel, other a Try with other lines. A cell is what
// becomes of the call:
//
//	same      nothing changes, and that is no refusal
//	later     nothing but the expiry moves
//	hold      RESERVED if it fits
//	refit     CONFIRMED if it still fits, else CANCELED and a refusal
//	>STATE    the state afterwards; due>STATE only past the expiry
//	!REASON   a refusal
const stateTable = `
-         try        other      confirm      again        cancel             word               extend             fulfill        return             expire      confirm_due
NONE      hold       hold       !NOT_FOUND   !NOT_FOUND   >CANCELED          !NOT_FOUND         !NOT_FOUND         !NOT_FOUND     !NOT_FOUND         same        same
RESERVED  same       !ID_REUSED >CONFIRMED   >CONFIRMED   >CANCELED          >CANCELED          later              !NOT_CONFIRMED !NOT_CONFIRMED     due>EXPIRED due>CONFIRMED
CONFIRMED same       !ID_REUSED same         same         !ALREADY_CONFIRMED !ALREADY_CONFIRMED !ALREADY_CONFIRMED >FULFILLED     >RETURNED          same        same
CANCELED  !CANCELED  !CANCELED  !RELEASED    !RELEASED    same               same               !RELEASED          !RELEASED      !RELEASED          same        same
EXPIRED   !RELEASED  !ID_REUSED !RELEASED    refit        >CANCELED          >CANCELED          !RELEASED          !RELEASED      !RELEASED          same        same
FULFILLED same       !ID_REUSED same         same         !ALREADY_CONFIRMED !ALREADY_CONFIRMED !ALREADY_CONFIRMED same           !ALREADY_FULFILLED same        same
RETURNED  !RELEASED  !ID_REUSED !RELEASED    !RELEASED    same               same               !RELEASED          !RELEASED      same               same        same
`

// cells is the table by state and column.
var cells = func() map[string]map[string]string {
	rows := strings.Split(strings.TrimSpace(stateTable), "\n")
	columns := strings.Fields(rows[0])
	byState := map[string]map[string]string{}
	for _, row := range rows[1:] {
		fields := strings.Fields(row)
		byState[fields[0]] = map[string]string{}
		for i, cell := range fields {
			byState[fields[0]][columns[i]] = cell
		}
	}
	return byState
}()

// stateNamed and reasonNamed read the words of the table.
func stateNamed(word string) reservation.State {
	for s := reservation.None; s <= reservation.Returned; s++ {
		if s.String() == word {
			return s
		}
	}
	panic("no state is called " + word)
}

func reasonNamed(word string) reservation.Reason {
	for r := reservation.InsufficientStock; r <= reservation.Overloaded; r++ {
		if r.String() == word {
			return r
		}
	}
	panic("no reason is called " + word)
}

// books are a ledger of maps: what the real one should be. They keep no counters
// of what is held: reserved and committed are the sums of the lines, by definition.
type books struct {
	now     time.Time // the database's, of the batch under way
	shelves map[inventory.Key]*shelf
	holds   map[inventory.HoldID]reservation.Reservation
	changes map[string]inventory.Change
}

// shelf is one stock row.
type shelf struct {
	onHand  int64
	version int64
	touched bool // by the batch under way
}

func newBooks() *books {
	return &books{
		shelves: map[inventory.Key]*shelf{},
		holds:   map[inventory.HoldID]reservation.Reservation{},
		changes: map[string]inventory.Change{},
	}
}

// reply is what a call is told, whether it is refused or not.
type reply struct {
	Reason      reservation.Reason // 0: not refused
	Shortages   []inventory.Shortage
	Reservation *reservation.Reservation
	Stock       *inventory.Stock
	Replayed    bool
}

// batch applies calls that the ledger had in one transaction, at its time.
func (b *books) batch(now time.Time, asks []ask) []reply {
	b.now = now
	replies := make([]reply, len(asks))
	leases := map[inventory.HoldID]time.Time{}
	for _, a := range asks {
		leases[a.id] = b.holds[a.id].NextCheckAt
	}
	for i, a := range asks {
		switch a.verb {
		case "recount", "adjust":
			replies[i] = b.change(a.change)
		case "defer":
			replies[i] = b.postpone(a, leases[a.id])
		default:
			replies[i] = b.call(a)
		}
	}
	for _, s := range b.shelves {
		if s.touched {
			s.version++
		}
		s.touched = false
	}
	return replies
}

func (b *books) call(a ask) reply {
	was := b.holds[a.id]
	column := a.verb
	lines := merged(a.lines)
	if column == "try" && was.State != reservation.None && !slices.Equal(lines, was.Lines) {
		column = "other"
	}
	cell := cells[was.State.String()][column]
	due := strings.HasPrefix(cell, "due")
	switch {
	case cell == "hold":
		return b.hold(a, lines)
	case cell == "later":
		return b.extend(a)
	case cell == "refit":
		if short := b.short(was.Lines); short != nil {
			end := b.move(a, reservation.Canceled)
			return reply{Reason: reservation.WasReleased, Shortages: short, Reservation: &end}
		}
		end := b.move(a, reservation.Confirmed)
		return reply{Reservation: &end}
	case cell == "same", due && was.ExpiresAt.After(b.now):
		return reply{Reservation: &was, Replayed: true}
	case cell[0] == '!' && was.State == reservation.None:
		return reply{Reason: reasonNamed(cell[1:])}
	case cell[0] == '!':
		return reply{Reason: reasonNamed(cell[1:]), Reservation: &was}
	default:
		end := b.move(a, stateNamed(cell[strings.Index(cell, ">")+1:]))
		return reply{Reservation: &end}
	}
}

func (b *books) hold(a ask, lines []inventory.Line) reply {
	if a.when == late {
		return reply{Reason: reservation.TooLate}
	}
	var unknown []inventory.Shortage
	for _, l := range lines {
		if b.shelves[l.Key] == nil {
			unknown = append(unknown, inventory.Shortage{Key: l.Key, Requested: l.Quantity})
		}
	}
	if unknown != nil {
		return reply{Reason: reservation.UnknownSKU, Shortages: unknown}
	}
	if short := b.short(lines); short != nil {
		return reply{Reason: reservation.InsufficientStock, Shortages: short}
	}
	expires := b.now.Add(a.ttl)
	held := reservation.Reservation{
		HoldID: a.id, State: reservation.Reserved, Lines: lines, LineCount: len(lines),
		OnExpiry: a.policy, Reference: a.reference, CreatedAt: b.now, ExpiresAt: expires, NextCheckAt: expires,
	}
	b.holds[a.id] = held
	b.touch(lines)
	return reply{Reservation: &held}
}

// move ends or confirms a hold. What was counted before or is counted now has
// other sums: RESERVED and CONFIRMED lines are.
func (b *books) move(a ask, to reservation.State) reservation.Reservation {
	r := b.holds[a.id]
	if r.State == reservation.None {
		r = reservation.Reservation{HoldID: a.id, CreatedAt: b.now}
	}
	counted := func(s reservation.State) bool { return s == reservation.Reserved || s == reservation.Confirmed }
	if counted(r.State) || counted(to) {
		b.touch(r.Lines)
	}
	if to == reservation.Fulfilled {
		for _, l := range r.Lines {
			b.shelves[l.Key].onHand -= l.Quantity
		}
	}
	r.State, r.ResolvedAt, r.ResolvedBy, r.NextCheckAt = to, b.now, a.by(), time.Time{}
	if a.reason != "" {
		r.Reason = a.reason
	}
	b.holds[a.id] = r
	return r
}

func (b *books) extend(a ask) reply {
	was := b.holds[a.id]
	r := was
	if expires := b.now.Add(a.ttl); expires.After(r.ExpiresAt) {
		r.ExpiresAt = expires
	}
	r.NextCheckAt, r.ParkedAt = r.ExpiresAt, time.Time{}
	if r.ExpiresAt == was.ExpiresAt && r.NextCheckAt == was.NextCheckAt && r.ParkedAt == was.ParkedAt {
		return reply{Reservation: &was, Replayed: true}
	}
	r.Checks = 0
	b.holds[a.id] = r
	return reply{Reservation: &r}
}

// postpone is a check-back without a decision; lease is the next check before
// this batch, which a call in the batch may have moved.
func (b *books) postpone(a ask, lease time.Time) reply {
	r := b.holds[a.id]
	if r.State != reservation.Reserved || a.staleLease || r.NextCheckAt != lease {
		return reply{Replayed: true}
	}
	r.NextCheckAt, r.Checks = b.now.Add(a.ttl), a.checks
	if a.park && r.ParkedAt.IsZero() {
		r.ParkedAt = b.now
	}
	b.holds[a.id] = r
	return reply{Reservation: &r}
}
