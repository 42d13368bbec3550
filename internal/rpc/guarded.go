package rpc

import (
	"cmp"
	"context"
	"fmt"

	"stockhold/internal/access"
	"stockhold/reservation"
)

// guarded is a service that lets each caller speak for its own owners only. For
// any other owner there is nothing: what names a reservation is answered as if
// that were not there, to the byte, and without looking; so nobody learns of
// another's reservations, not even by how long the answer takes. A Try, which would make
// one, and a listing, which names none, are denied, which tells as little.
//
// Stock belongs to all, and passes.
type guarded struct{ Service }

func (g *guarded) Try(ctx context.Context, requests []reservation.TryRequest) []reservation.Answer {
	caller := access.CallerOf(ctx)
	return only(ctx, requests, g.Service.Try, func(i int) error {
		if owner := ownerOf(requests[i].ID); !caller.Acts(owner) {
			return notFor(caller, owner)
		}
		return nil
	})
}

func (g *guarded) Do(ctx context.Context, requests []reservation.Request) []reservation.Answer {
	caller := access.CallerOf(ctx)
	return only(ctx, requests, g.Service.Do, func(i int) error {
		if id := requests[i].ID; !caller.Acts(ownerOf(id)) {
			return notThere(id)
		}
		return nil
	})
}

func (g *guarded) Get(ctx context.Context, id reservation.HoldID) (*reservation.Reservation, error) {
	if !access.CallerOf(ctx).Reads(ownerOf(id)) {
		return nil, notThere(id)
	}
	return g.Service.Get(ctx, id)
}

func (g *guarded) List(ctx context.Context, filter reservation.Filter, after int64, limit int) ([]*reservation.Reservation, int64, error) {
	caller, owner := access.CallerOf(ctx), cmp.Or(filter.Owner, reservation.DefaultName)
	if !caller.Reads(owner) {
		return nil, 0, notFor(caller, owner)
	}
	return g.Service.List(ctx, filter, after, limit)
}

func ownerOf(id reservation.HoldID) string { return cmp.Or(id.Owner, reservation.DefaultName) }

func notFor(caller *access.Caller, owner string) error {
	return fmt.Errorf("%w: %s may not speak for the owner %.64s", access.ErrDenied, caller.Name, owner)
}

// notThere is the domain's answer about a reservation that no owner has.
func notThere(id reservation.HoldID) error {
	id.Owner = ownerOf(id)
	return &reservation.Refusal{Reason: reservation.NotFound, Message: fmt.Sprintf("no reservation %.160s", id)}
}

// only asks about the requests that pass, and answers the others with what keeps
// them from it. Requests are independent of each other.
func only[Request any](
	ctx context.Context, requests []Request,
	ask func(context.Context, []Request) []reservation.Answer, check func(i int) error,
) []reservation.Answer {
	answers := make([]reservation.Answer, len(requests))
	pass := make([]Request, 0, len(requests))
	at := make([]int, 0, len(requests))
	for i, request := range requests {
		if answers[i].Err = check(i); answers[i].Err == nil {
			pass, at = append(pass, request), append(at, i)
		}
	}
	if len(pass) > 0 {
		for i, answer := range ask(ctx, pass) {
			answers[at[i]] = answer
		}
	}
	return answers
}
