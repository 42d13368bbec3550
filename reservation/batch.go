package reservation

import (
	"errors"
	"fmt"
	"time"

	"stockhold/inventory"
)

// batch is a set of operations and everything they touch, in memory: the pure
// half of the ledger. It is loaded with rows that are locked, applies the
// operations in arrival order, so that calls on one id or sku see each other,
// and tells what to write. It does no I/O.
type batch struct {
	now         time.Time
	onHandLimit int64
	holds       map[HoldID]*heldRow
	stocks      map[inventory.Key]*stockRow
	adjustments map[string]inventory.Adjustment
	added       []inventory.Adjustment
	doubtful    []HoldID // Trys that are about to be refused though their id was not found
	caught      []Interception
	telling     bool      // somebody is to hear of changes of state
	passages    []passage // which are these
}

// heldRow is a reservation before and after the batch.
type heldRow struct {
	before Reservation // State None: not there
	after  Reservation
}

// stockRow is a stock row before and after the batch.
type stockRow struct {
	before inventory.Stock
	after  inventory.Stock
	exists bool // in the ledger before the batch
	made   bool // exists, or is made by this batch
	dirty  bool // touched by this batch: its version grows
}

func newBatch(now time.Time, onHandLimit int64, held []*Reservation, stocks []inventory.Stock, adjustments []inventory.Adjustment) *batch {
	b := &batch{
		now:         now,
		onHandLimit: onHandLimit,
		holds:       make(map[HoldID]*heldRow, len(held)),
		stocks:      make(map[inventory.Key]*stockRow, len(stocks)),
		adjustments: make(map[string]inventory.Adjustment, len(adjustments)),
	}
	for _, r := range held {
		b.holds[r.HoldID] = &heldRow{before: *r, after: *r}
	}
	for _, s := range stocks {
		b.stocks[s.Key] = &stockRow{before: s, after: s, exists: true, made: true}
	}
	for _, a := range adjustments {
		b.adjustments[a.ID] = a
	}
	return b
}

// apply does one operation in memory and returns its answer.
func (b *batch) apply(op *Operation) Answer {
	switch {
	case op.Change != nil:
		return b.change(*op.Change)
	case op.Defer != nil:
		return b.postpone(op.ID, *op.Defer)
	default:
		return b.call(op)
	}
}

// call takes one reservation through the state table.
func (b *batch) call(op *Operation) Answer {
	row := b.holds[op.ID]
	if row == nil {
		row = &heldRow{}
	}
	current := &row.after
	if op.Call == Try && current.State == None {
		return b.hold(op, row)
	}

	facts := Facts{SameLines: op.Fingerprint == current.Fingerprint, Due: !current.ExpiresAt.After(b.now)}
	step := Decide(current.State, op.Call, facts)
	from := current.State
	if step.Move != (Move{}) {
		if key, ok := b.stockless(current.Lines); !ok {
			return Answer{Err: fmt.Errorf("%w: reservation %s has a line of %s, which has no stock row", ErrCorrupt, op.ID, key)}
		}
	}
	var shortages []inventory.Shortage
	if step.IfFits {
		if shortages = b.shortages(current.Lines); len(shortages) > 0 {
			step = Short(current.State)
		}
	}
	b.catch(step.Caught)

	changed := step.Next != from
	switch {
	case from == None && step.Next == Canceled:
		row.after = Reservation{HoldID: op.ID, CreatedAt: b.now}
		b.holds[op.ID] = row
		b.end(row, Canceled, op)
	case changed:
		b.move(current.Lines, step.Move)
		b.end(row, step.Next, op)
	case op.Call == Extend && step.Refusal == 0:
		changed = b.extend(row, op.TTL)
	}

	if step.Next != from {
		b.note(op, from, step.Next)
	}
	if step.Refusal != 0 {
		return Answer{Err: refuse(step.Refusal, op.ID, row.snapshot(), shortages)}
	}
	return Answer{Reservation: row.snapshot(), Replayed: !changed}
}

// hold decides a Try whose id is not there.
func (b *batch) hold(op *Operation, row *heldRow) Answer {
	step := Decide(None, Try, Facts{})
	refusal := b.whyNot(op)
	if refusal != nil {
		// The id was looked for when it could not be locked. Before this is an
		// answer, it is looked for again under the stock locks.
		b.doubtful = append(b.doubtful, op.ID)
		return Answer{Err: refusal}
	}
	expires := b.now.Add(op.TTL)
	row.after = Reservation{
		HoldID: op.ID, State: step.Next, Lines: op.Lines, LineCount: len(op.Lines), Fingerprint: op.Fingerprint,
		OnExpiry: op.OnExpiry, Reference: op.Reference,
		CreatedAt: b.now, ExpiresAt: expires, NextCheckAt: expires, Trace: op.mark,
	}
	b.holds[op.ID] = row
	b.move(op.Lines, step.Move)
	b.note(op, None, step.Next)
	return Answer{Reservation: row.snapshot()}
}

// whyNot says why a new hold is refused, or nil; the order is the wire contract's.
func (b *batch) whyNot(op *Operation) *Refusal {
	if !op.NotAfter.IsZero() && b.now.After(op.NotAfter) {
		b.catch(TryTooLate)
		return &Refusal{Reason: TooLate, Message: fmt.Sprintf("the Try of %s came after its not_after %s", op.ID, stamp(op.NotAfter))}
	}
	var unknown []inventory.Shortage
	for _, line := range op.Lines {
		if row := b.stocks[line.Key]; row == nil || !row.made {
			unknown = append(unknown, inventory.Shortage{Key: line.Key, Requested: line.Quantity})
		}
	}
	if len(unknown) > 0 {
		return unknownSKUs(unknown)
	}
	if short := b.shortages(op.Lines); len(short) > 0 {
		return insufficient(short)
	}
	return nil
}

// shortages lists the lines that do not fit what is available now.
func (b *batch) shortages(lines []Line) []inventory.Shortage {
	var short []inventory.Shortage
	for _, line := range lines {
		var available int64
		if row := b.stocks[line.Key]; row != nil {
			available = row.after.Available()
		}
		if available < line.Quantity {
			short = append(short, inventory.Shortage{Key: line.Key, Requested: line.Quantity, Available: available})
		}
	}
	return short
}

// stockless finds a line whose stock row is gone: somebody deleted it by hand.
func (b *batch) stockless(lines []Line) (inventory.Key, bool) {
	for _, line := range lines {
		if b.stocks[line.Key] == nil {
			return line.Key, false
		}
	}
	return inventory.Key{}, true
}

// catch notes a late, doubled or reordered call; it counts once the batch is committed.
func (b *batch) catch(kind Interception) {
	if kind != "" {
		b.caught = append(b.caught, kind)
	}
}

// note keeps a change of state for the log; it is told once the batch is committed.
func (b *batch) note(op *Operation, from, to State) {
	if b.telling {
		b.passages = append(b.passages, passage{op.ID, from, to, op.By, op.mark})
	}
}

// move moves every unit of the lines as the state table says.
func (b *batch) move(lines []Line, m Move) {
	if m == (Move{}) {
		return
	}
	for _, line := range lines {
		row := b.stocks[line.Key]
		row.dirty = true
		s := &row.after
		s.OnHand += m.OnHand * line.Quantity
		s.Reserved += m.Reserved * line.Quantity
		s.Committed += m.Committed * line.Quantity
	}
}

// end brings a row to a state other than RESERVED: nobody need look at it again.
func (b *batch) end(row *heldRow, to State, op *Operation) {
	row.after.State = to
	row.after.ResolvedAt = b.now
	row.after.ResolvedBy = op.By
	row.after.NextCheckAt = time.Time{}
	if op.Reason != "" {
		row.after.Reason = op.Reason
	}
}

// extend moves expiry and next check to the later of the old expiry and now +
// ttl, and takes the hold back from the operator. It reports whether anything changed.
func (b *batch) extend(row *heldRow, ttl time.Duration) bool {
	was := row.after
	if expires := b.now.Add(ttl); expires.After(was.ExpiresAt) {
		row.after.ExpiresAt = expires
	}
	row.after.NextCheckAt = row.after.ExpiresAt
	row.after.ParkedAt = time.Time{}
	if row.after.ExpiresAt.Equal(was.ExpiresAt) && row.after.NextCheckAt.Equal(was.NextCheckAt) && was.ParkedAt.IsZero() {
		return false
	}
	row.after.Checks = 0
	return true
}

// postpone puts off the next check of a claimed hold, unless it ended or was
// moved by its caller since the claim.
func (b *batch) postpone(id HoldID, d Deferral) Answer {
	row := b.holds[id]
	if row == nil || row.after.State != Reserved || !row.after.NextCheckAt.Equal(d.Lease) {
		return Answer{Replayed: true}
	}
	row.after.NextCheckAt = b.now.Add(d.Delay)
	row.after.Checks = d.Checks
	if d.Park && row.after.ParkedAt.IsZero() {
		row.after.ParkedAt = b.now
	}
	return Answer{Reservation: row.snapshot()}
}

// change corrects on_hand, once per adjustment id.
func (b *batch) change(c inventory.Change) Answer {
	row := b.stocks[c.Key]
	if row == nil {
		row = &stockRow{before: inventory.Stock{Key: c.Key}, after: inventory.Stock{Key: c.Key}}
		b.stocks[c.Key] = row
	}
	if known, ok := b.adjustments[c.ID]; ok {
		if !c.Same(known.Change) {
			b.catch(IDReused)
			return Answer{Err: &Refusal{Reason: ReusedID, Message: fmt.Sprintf("adjustment_id %s was used for another change of %s", c.ID, known.Key)}}
		}
		b.catch(Duplicate)
		return Answer{Stock: row.snapshot(), Replayed: true}
	}
	onHand, err := c.Apply(row.after.OnHand, b.onHandLimit)
	if err != nil {
		return Answer{Err: changeRefusal(c, row.after.OnHand, err)}
	}
	row.after.OnHand = onHand
	row.made, row.dirty = true, true
	adjustment := inventory.Adjustment{Change: c, At: b.now}
	b.adjustments[c.ID] = adjustment
	b.added = append(b.added, adjustment)
	return Answer{Stock: row.snapshot()}
}

func (row *heldRow) snapshot() *Reservation {
	r := row.after
	return &r
}

// snapshot shows the row with the version it will have once the batch is written.
func (row *stockRow) snapshot() *inventory.Stock {
	s := row.after
	if row.dirty {
		s.Version = row.before.Version + 1
	}
	return &s
}

func changeRefusal(c inventory.Change, onHand int64, err error) error {
	switch {
	case errors.Is(err, inventory.ErrStale):
		return &Refusal{Reason: Stale, Message: err.Error()}
	case errors.Is(err, inventory.ErrNegative):
		return &Refusal{Reason: InsufficientStock, Message: err.Error(),
			Shortages: []inventory.Shortage{{Key: c.Key, Requested: -c.Amount, Available: onHand}}}
	default:
		return &Refusal{Reason: Invalid, Message: "the change was refused",
			Violations: []Violation{{Field: "delta", Description: err.Error()}}}
	}
}
