package reservation

import (
	"context"
	"time"

	"stockhold/internal/crashpoint"
	"stockhold/internal/tracing"
	"stockhold/inventory"
)

// TryRequest asks for a hold.
type TryRequest struct {
	ID        HoldID
	Lines     []Line
	TTL       time.Duration // 0: the default
	OnExpiry  OnExpiry
	Reference string
	NotAfter  time.Time // zero: whenever
}

// try is one request on its way: an operation, where its answer goes, and what
// the gate last said.
type try struct {
	op      *Operation
	answer  *Answer
	outcome inventory.Outcome
	stormy  bool // many more were stopped for the same row lately
}

// Try answers requests for holds, in order; they are independent of each other.
//
// The gate sees them first. What it freezes goes to the ledger, which decides.
// What it would stop is looked up in the ledger before anyone hears of it: the
// gate alone never refuses. When it is away, the ledger decides alone.
func (s *Service) Try(ctx context.Context, requests []TryRequest) []Answer {
	ctx, cancel := context.WithTimeout(ctx, s.opts.CallTimeout)
	defer cancel()
	rules := s.rules.Load()
	if err := rules.size(len(requests)); err != nil {
		return refuseAll(len(requests), err)
	}
	answers := make([]Answer, len(requests))
	tries := make([]*try, 0, len(requests))
	for i, request := range requests {
		op, err := rules.tryOperation(request)
		if err != nil {
			answers[i].Err = err
			continue
		}
		tries = append(tries, &try{op: op, answer: &answers[i]})
	}

	var sent []submission
	send := func(tries []*try) {
		if len(tries) > 0 {
			sent = append(sent, s.submit(ctx, tries))
		}
	}
	if tracing.On() && len(tries) == 1 {
		describe(ctx, tries[0].op.ID)
	}
	crashpoint.Reach("try.received")
	ready, short := s.freeze(ctx, tries)
	send(ready)
	lookUp := func(short []*try) {
		known, fits := s.judge(ctx, short)
		send(known)
		send(s.freezeLater(ctx, fits))
	}
	calm, stormy := apart(short)
	lookUp(calm)
	if len(stormy) > 0 {
		admitted := s.admit(stormy)
		s.pressure.wait(ctx)
		lookUp(admitted)
		s.stopped.Add(-int64(len(admitted)))
	}
	for _, submission := range sent {
		submission.wait(ctx)
	}
	return answers
}

// apart tells those that were stopped in a storm from the others.
func apart(short []*try) (calm, stormy []*try) {
	for _, t := range short {
		if t.stormy {
			stormy = append(stormy, t)
		} else {
			calm = append(calm, t)
		}
	}
	return calm, stormy
}

// admit lets only so many of those who are stopped in a storm wait and be looked
// up at once, and turns the others away. A storm on something that is sold out may
// slow itself down, but must leave room for everybody else.
func (s *Service) admit(short []*try) []*try {
	n := int64(len(short))
	if under := s.stopped.Add(n); under == n || under <= int64(s.opts.MaxStopped) {
		return short
	}
	s.stopped.Add(-n)
	for _, t := range short {
		t.answer.Err = overloaded(soldOut, s.ledger.retryAfter())
	}
	return nil
}

// freezeLater is for tries that the ledger has stock for and the gate has not:
// the units are spoken for by holds in flight. By the time of about one batch
// they have been settled one way or the other. What is stopped again is read
// again, and if the ledger still has enough, the ledger decides.
func (s *Service) freezeLater(ctx context.Context, tries []*try) []*try {
	if len(tries) == 0 {
		return nil
	}
	timer := time.NewTimer(min(max(s.ledger.Pace(), time.Millisecond), 100*time.Millisecond))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	ready, short := s.freeze(ctx, tries)
	if len(short) > 0 {
		known, fits := s.judge(ctx, short)
		gateOverturned.Add(ctx, int64(len(fits)))
		ready = append(append(ready, known...), fits...)
	}
	return ready
}

// freeze asks the gate for all tries at once. Ready ones may go to the ledger:
// frozen, pending already, past a gate that is away, or of rows that the gate
// does not know: the ledger decides on those, and its settlement loads them. To
// load them first would cost a cold row two more round trips and spare the
// ledger nothing but the calls of one batch. Where many ask for a row and it is
// not loaded all the same, which is so for skus that nobody knows, they are looked
// up first.
func (s *Service) freeze(ctx context.Context, tries []*try) (ready, short []*try) {
	if len(tries) == 0 {
		return nil, nil
	}
	holds := make([]inventory.Hold, len(tries))
	for i, t := range tries {
		holds[i] = inventory.Hold{HoldID: t.op.ID, Lines: t.op.Lines}
	}
	skipped := 0
	for i, result := range s.gate.Freeze(ctx, holds) {
		t := tries[i]
		t.outcome, t.stormy = result.Outcome, false
		switch result.Outcome {
		case inventory.NotLoaded:
			if t.stormy = s.pressure.storm(t.op.Lines, result.Lines); t.stormy {
				short = append(short, t)
			} else {
				ready = append(ready, t)
			}
		case inventory.Insufficient:
			t.stormy = s.pressure.storm(t.op.Lines, result.Lines)
			short = append(short, t)
		case inventory.Away:
			skipped++
			t.op.Frozen = true // it may have happened: the reply may be what was lost
			ready = append(ready, t)
		default:
			t.op.Frozen = true
			t.op.Known = result.Outcome == inventory.Duplicate
			ready = append(ready, t)
		}
	}
	if skipped > 0 {
		countSkipped(ctx, skipped)
	}
	if crashpoint.Enabled && len(ready) > 0 {
		crashpoint.Reach("try.frozen")
	}
	return ready, short
}

// judge reads the ledger about tries that the gate would stop. Those of a known
// id go to the ledger, which replays or refuses by the state table; those that
// do not fit are answered here, with the ledger's figures; for the rest the
// gate's views are refreshed.
func (s *Service) judge(ctx context.Context, tries []*try) (known, fits []*try) {
	if len(tries) == 0 {
		return nil, nil
	}
	var keys []inventory.Key
	ids := make([]HoldID, len(tries))
	for i, t := range tries {
		ids[i] = t.op.ID
		for _, line := range t.op.Lines {
			keys = append(keys, line.Key)
		}
	}
	found, err := s.reader.look(ctx, keys, ids)
	if err != nil {
		for _, t := range tries {
			t.answer.Err = err
		}
		return nil, nil
	}
	var views []inventory.View
	for _, t := range tries {
		if found.known[t.op.ID] {
			t.op.Known = true
			known = append(known, t)
			continue
		}
		if refusal := found.whyNot(t.op.Lines); refusal != nil {
			t.answer.Err = refusal
			continue
		}
		fits = append(fits, t)
		for _, line := range t.op.Lines {
			views = append(views, found.stocks[line.Key].View())
		}
	}
	if len(views) > 0 {
		if err := s.gate.Settle(ctx, views, nil); err != nil {
			settleFailed.Add(ctx, 1)
			s.opts.Logger.DebugContext(ctx, "the gate did not take views", "views", len(views), "error", err)
		}
	}
	return known, fits
}

// whyNot says why lines do not fit what was read, or nil.
func (l *lookup) whyNot(lines []Line) *Refusal {
	var unknown, short []inventory.Shortage
	for _, line := range lines {
		stock, ok := l.stocks[line.Key]
		if !ok {
			unknown = append(unknown, inventory.Shortage{Key: line.Key, Requested: line.Quantity})
		} else if stock.Available() < line.Quantity {
			short = append(short, inventory.Shortage{Key: line.Key, Requested: line.Quantity, Available: stock.Available()})
		}
	}
	switch {
	case len(unknown) > 0:
		return unknownSKUs(unknown)
	case len(short) > 0:
		return insufficient(short)
	default:
		return nil
	}
}

// submission is a set of tries in the ledger's hands.
type submission struct {
	tries   []*try
	pending *Pending
}

func (s *Service) submit(ctx context.Context, tries []*try) submission {
	ops := make([]*Operation, len(tries))
	for i, t := range tries {
		ops[i] = t.op
	}
	return submission{tries, s.ledger.Submit(ctx, ops)}
}

func (s submission) wait(ctx context.Context) {
	for i, answer := range s.pending.Wait(ctx) {
		t := s.tries[i]
		*t.answer = answer
		if refusal, ok := answer.Err.(*Refusal); ok && t.outcome == inventory.Frozen && refusal.Reason == InsufficientStock {
			gateWrong.Add(ctx, 1)
		}
	}
}

// tryOperation checks a request, fills in the defaults and puts it into the
// ledger's terms.
func (rules *Rules) tryOperation(r TryRequest) (*Operation, error) {
	lines := make([]Line, len(r.Lines))
	for i, line := range r.Lines {
		line.Location = defaultTo(line.Location, DefaultName)
		lines[i] = line
	}
	op := &Operation{
		Call: Try, By: ByCaller, ID: withDefaults(r.ID),
		TTL:       defaultTo(r.TTL.Truncate(time.Microsecond), rules.Limits.DefaultTTL),
		OnExpiry:  r.OnExpiry,
		Reference: r.Reference,
		NotAfter:  r.NotAfter,
	}
	c := rules.checker()
	c.holdID(op.ID)
	op.Lines = c.lines(lines)
	c.ttl(op.TTL)
	c.text("reference", op.Reference)
	switch asks := rules.HasDecider(op.ID.Owner); {
	case op.OnExpiry > ConfirmOnExpiry:
		c.fault("on_expiry", "is %d, which is not a policy", op.OnExpiry)
	case op.OnExpiry == AskOwner && !asks:
		c.fault("on_expiry", "is ASK, but no decider is configured for owner %s", op.ID.Owner)
	case op.OnExpiry == DefaultExpiry && asks:
		op.OnExpiry = AskOwner
	case op.OnExpiry == DefaultExpiry:
		op.OnExpiry = ReleaseOnExpiry
	}
	if err := c.refusal(); err != nil {
		return nil, err
	}
	op.Fingerprint = FingerprintOf(op.Lines)
	return op, nil
}
