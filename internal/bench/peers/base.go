package peers

import (
	"context"
	"errors"
	"io"

	"stockhold/inventory"
	"stockhold/reservation"
)

// base is what no peer has.
type base struct{}

var errNotServed = errors.New("this peer answers Try and Confirm only")

// Limits are stockhold's own: the same calls are well-formed.
func (base) Limits() reservation.Limits { return reservation.DefaultLimits() }

func (base) Change(_ context.Context, changes []inventory.Change) []reservation.Answer {
	return notServed(len(changes))
}

func (base) Get(context.Context, reservation.HoldID) (*reservation.Reservation, error) {
	return nil, errNotServed
}

func (base) List(context.Context, reservation.Filter, int64, int) ([]*reservation.Reservation, int64, error) {
	return nil, 0, errNotServed
}

func (base) GetStock(context.Context, inventory.Key) (inventory.Stock, error) {
	return inventory.Stock{}, errNotServed
}

func (base) ListStock(context.Context, string, string, inventory.Key, int) ([]inventory.Stock, error) {
	return nil, errNotServed
}

func notServed(n int) []reservation.Answer {
	answers := make([]reservation.Answer, n)
	for i := range answers {
		answers[i].Err = errNotServed
	}
	return answers
}

// design is what a peer does with one call.
type design interface {
	try(ctx context.Context, r reservation.TryRequest) reservation.Answer
	confirm(ctx context.Context, id reservation.HoldID) reservation.Answer
}

// service puts a design behind the handlers.
type service struct {
	base
	design design
}

func (s service) Try(ctx context.Context, requests []reservation.TryRequest) []reservation.Answer {
	answers := make([]reservation.Answer, len(requests))
	for i, r := range requests {
		r.Lines = merged(r.Lines)
		answers[i] = s.design.try(ctx, r)
	}
	return answers
}

func (s service) Do(ctx context.Context, requests []reservation.Request) []reservation.Answer {
	answers := make([]reservation.Answer, len(requests))
	for i, r := range requests {
		if r.Call != reservation.Confirm {
			answers[i].Err = errNotServed
			continue
		}
		answers[i] = s.design.confirm(ctx, r.ID)
	}
	return answers
}

// merged fills in the location that callers leave out, and puts lines into the
// order in which every transaction locks their rows.
func merged(lines []reservation.Line) []reservation.Line {
	for i := range lines {
		if lines[i].Key.Location == "" {
			lines[i].Key.Location = reservation.DefaultName
		}
	}
	if len(lines) == 1 {
		return lines
	}
	return inventory.MergeLines(lines)
}

// held is the answer to a Try that holds.
func held(r reservation.TryRequest, replayed bool) reservation.Answer {
	return reservation.Answer{Reservation: &reservation.Reservation{
		HoldID: r.ID, State: reservation.Reserved, Lines: r.Lines, OnExpiry: reservation.ReleaseOnExpiry,
		Reference: r.Reference, CreatedAt: clock(), ExpiresAt: clock().Add(ttlOf(r)),
	}, Replayed: replayed}
}

// confirmed is the answer to a Confirm.
func confirmed(id reservation.HoldID, replayed bool) reservation.Answer {
	return reservation.Answer{Reservation: &reservation.Reservation{
		HoldID: id, State: reservation.Confirmed, OnExpiry: reservation.ReleaseOnExpiry,
		ResolvedAt: clock(), ResolvedBy: reservation.ByCaller,
	}, Replayed: replayed}
}

func short(line reservation.Line, available int64) error {
	return &reservation.Refusal{
		Reason: reservation.InsufficientStock, Message: line.Key.String() + ": not enough",
		Shortages: []inventory.Shortage{{Key: line.Key, Requested: line.Quantity, Available: available}},
	}
}

func notFound(id reservation.HoldID) error {
	return &reservation.Refusal{Reason: reservation.NotFound, Message: "no reservation " + id.String()}
}

// nothing has nothing to close.
type nothing struct{}

func (nothing) Close() error { return nil }

var _ io.Closer = nothing{}
