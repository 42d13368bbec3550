package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"time"

	"stockhold/internal/quota"
	"stockhold/inventory"
	"stockhold/reservation"
)

// metered is a service that lets nobody ask for more in the name of an owner than
// that owner may: so many calls a second, each item of a batch being one, and so
// many units held. What is refused was not begun.
//
// A call that is malformed passes: the domain refuses it for less than it costs
// here, and nothing is remembered under a name that cannot be.
type metered struct {
	Service
	limit    func(owner string) quota.Owner
	rates    *quota.Rates
	holdings *quota.Holdings
}

// wellFormed is what ids and owners are made of, at their longest.
var wellFormed = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

func (m *metered) Try(ctx context.Context, requests []reservation.TryRequest) []reservation.Answer {
	return only(ctx, requests, m.hold, func(i int) error { return m.count(ownerOf(requests[i].ID)) })
}

func (m *metered) Do(ctx context.Context, requests []reservation.Request) []reservation.Answer {
	return only(ctx, requests, m.do, func(i int) error { return m.count(ownerOf(requests[i].ID)) })
}

func (m *metered) Get(ctx context.Context, id reservation.HoldID) (*reservation.Reservation, error) {
	if err := m.count(ownerOf(id)); err != nil {
		return nil, err
	}
	return m.Service.Get(ctx, id)
}

func (m *metered) List(ctx context.Context, filter reservation.Filter, after int64, limit int) ([]*reservation.Reservation, int64, error) {
	if err := m.count(cmp.Or(filter.Owner, reservation.DefaultName)); err != nil {
		return nil, 0, err
	}
	return m.Service.List(ctx, filter, after, limit)
}

// count counts one call of an owner.
func (m *metered) count(owner string) error {
	limit := m.limit(owner).Rate
	if limit.PerSecond <= 0 || !wellFormed.MatchString(owner) {
		return nil
	}
	if wait, ok := m.rates.Take(owner, limit); !ok {
		return tooOften("the owner "+owner, wait)
	}
	return nil
}

// do tells what is not held any more once it is confirmed. Of what is canceled it
// does not: the hold may have expired before, and have been counted as gone then.
func (m *metered) do(ctx context.Context, requests []reservation.Request) []reservation.Answer {
	answers := m.Service.Do(ctx, requests)
	for i, answer := range answers {
		owner := ownerOf(requests[i].ID)
		if requests[i].Call == reservation.Confirm && answer.Err == nil && !answer.Replayed && m.limit(owner).Held > 0 {
			m.holdings.Gave(owner, unitsOf(answer.Reservation.Lines))
		}
	}
	return answers
}

// claim is what a Try asks for, while it is under way. The zero claim is none.
type claim struct {
	owner string
	units int64
}

// hold claims the units of each Try, so that Trys under way see each other.
func (m *metered) hold(ctx context.Context, requests []reservation.TryRequest) []reservation.Answer {
	claims := make([]claim, len(requests))
	var answers []reservation.Answer
	defer func() { m.settle(claims, answers) }()
	var over []int
	for i, r := range requests {
		owner := ownerOf(r.ID)
		limit := m.limit(owner).Held
		if limit <= 0 || !wellFormed.MatchString(owner) || !wellFormed.MatchString(r.ID.ID) {
			continue
		}
		if units := unitsOf(r.Lines); m.holdings.Take(ctx, owner, units, limit) {
			claims[i] = claim{owner, units}
		} else {
			over = append(over, i)
		}
	}
	refusals := m.unlessKnown(ctx, requests, over)
	answers = only(ctx, requests, m.Service.Try, func(i int) error { return refusals[i] })
	return answers
}

// unlessKnown refuses Trys of owners that would hold too much, by their places.
// Who repeats a call that succeeded gets its answer again, whatever is held by now:
// an id that is known passes, and cannot hold anything more.
func (m *metered) unlessKnown(ctx context.Context, requests []reservation.TryRequest, over []int) map[int]error {
	if len(over) == 0 {
		return nil
	}
	ids := make([]inventory.HoldID, len(over))
	for n, i := range over {
		ids[n] = inventory.HoldID{Owner: ownerOf(requests[i].ID), ID: requests[i].ID.ID}
	}
	known, err := m.holdings.Known(ctx, ids)
	switch {
	case errors.Is(err, quota.ErrBusy):
		err = &reservation.Refusal{Reason: reservation.Overloaded, Message: "overloaded: " + err.Error() + "; nothing was done"}
	case err != nil:
		err = fmt.Errorf("%w: %w", reservation.ErrUnavailable, err)
	}
	refusals := make(map[int]error, len(over))
	for n, i := range over {
		switch {
		case err != nil:
			refusals[i] = err
		case !known[ids[n]]:
			refusals[i] = holdsTooMuch(ids[n].Owner, m.limit(ids[n].Owner).Held)
		}
	}
	return refusals
}

// settle ends the claims. Without answers the call panicked, and nobody knows.
func (m *metered) settle(claims []claim, answers []reservation.Answer) {
	for i, c := range claims {
		if c != (claim{}) {
			m.holdings.Done(c.owner, c.units, answers == nil || mayHold(answers[i]))
		}
	}
}

// mayHold reports whether a Try holds units now that it did not hold before, or
// may do so: an answer that was lost is no refusal.
func mayHold(answer reservation.Answer) bool {
	if answer.Err == nil {
		return !answer.Replayed
	}
	var refusal *reservation.Refusal
	return !errors.As(answer.Err, &refusal)
}

// unitsOf adds up what well-formed lines ask for; lines that are not are refused later.
func unitsOf(lines []reservation.Line) int64 {
	var units int64
	for _, line := range lines {
		units += max(0, line.Quantity)
	}
	return units
}

// Holds end when they are confirmed or given back: that is not a matter of
// milliseconds, and their sum is not read more often than every few seconds.
const holdsTooMuchFor = 2 * time.Second

func holdsTooMuch(owner string, limit int64) *reservation.Refusal {
	return &reservation.Refusal{Reason: reservation.Overloaded, RetryAfter: holdsTooMuchFor + rand.N(holdsTooMuchFor),
		Message: fmt.Sprintf("overloaded: the owner %s would hold more than %d units at once, the most it may; nothing was done", owner, limit)}
}
