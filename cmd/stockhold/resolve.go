package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"stockhold/internal/app"
	"stockhold/reservation"
)

// errUsage marks a command that was called wrongly in a way that the parser does
// not see.
var errUsage = errors.New("wrong usage")

type resolveCommand struct {
	Owner   string `default:"default" help:"Whose reservation it is."`
	ID      string `name:"id" required:"" help:"Its reservation_id."`
	Confirm bool   `xor:"word" required:"" help:"Take the units: the order stands."`
	Release bool   `xor:"word" required:"" help:"Give the units back: there is no order."`
	Reason  string `required:"" help:"Why. Kept with the reservation."`
}

func (resolveCommand) Help() string {
	return `Meant for holds that are parked: asked about so often that an operator should look. It works on every hold that is still RESERVED, so look twice at the id. The word goes through the ledger like every call, so a hold that ended meanwhile stays as it is, and a server may be running. It is final: find out what became of the order first.

Example:

    stockhold resolve --owner orders --id order-4711 --release --reason "payment was refunded, ticket 815"`
}

func (c resolveCommand) Run(ctx context.Context, env *environment) error {
	reason := strings.TrimSpace(c.Reason)
	if reason == "" {
		return fmt.Errorf("%w: --reason is empty", errUsage)
	}
	id := reservation.HoldID{Owner: c.Owner, ID: c.ID}
	r, replayed, err := app.Resolve(ctx, env.cfg, app.Resolution{ID: id, Confirm: c.Confirm, Reason: reason}, env.log)
	if err != nil {
		return err
	}
	if replayed {
		fmt.Fprintf(env.out, "It was %s already: nothing changed, and the reason was not kept.\n\n", r.State)
	}
	return app.WriteReservation(env.out, r)
}
