package main

import (
	"context"
	"fmt"
	"strings"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/app"
	"stockhold/internal/client"
	"stockhold/internal/display"
	"stockhold/reservation"
)

type resolveCommand struct {
	holdName `embed:""`
	Confirm  bool   `xor:"word" required:"" help:"Take the units: the order stands."`
	Release  bool   `xor:"word" required:"" help:"Give the units back: there is no order."`
	Reason   string `required:"" help:"Why. Kept with the reservation."`
	Direct   bool   `help:"Ask no server: work on the stores themselves, as --mysql-dsn or --data names them."`
	output   `embed:""`
}

func (resolveCommand) Help() string {
	return `Meant for holds that are parked: asked about so often that an operator should look ("stockhold parked"). It works on every hold that is still RESERVED, so look twice at the id. The word goes through the ledger like every call, so a hold that ended meanwhile stays as it is. It is final: find out what became of the order first.

With --direct no server is needed, and one may be running all the same.

Example:

    stockhold resolve --owner orders --id order-4711 --release --reason "payment was refunded, ticket 815"`
}

func (c resolveCommand) Run(ctx context.Context, env *environment) error {
	if strings.TrimSpace(c.Reason) == "" {
		return fmt.Errorf("%w: --reason is empty", errUsage)
	}
	id, err := c.id()
	if err != nil {
		return err
	}
	if c.Direct {
		return c.direct(ctx, env, id)
	}
	request := &stockholdv1.ResolveRequest{ReservationId: id, Owner: c.Owner, Reason: c.Reason, Resolution: stockholdv1.Resolution_RESOLUTION_RELEASE}
	if c.Confirm {
		request.Resolution = stockholdv1.Resolution_RESOLUTION_CONFIRM
	}
	return calling(env, func(server *client.Client) error {
		ctx, cancel := context.WithTimeout(ctx, env.cfg.Client.Timeout)
		defer cancel()
		answer, err := server.Operator.Resolve(ctx, request)
		if err != nil {
			return client.Explain(err)
		}
		return c.one(env.out, answer, func() error {
			if answer.GetReplayed() {
				sayUnchanged(env, display.State(answer.GetReservation().GetState()))
			}
			return display.Reservation(env.out, answer.GetReservation(), answer.GetReason())
		})
	})
}

func (c resolveCommand) direct(ctx context.Context, env *environment, id string) error {
	if c.json() {
		return fmt.Errorf("%w: --output json is the server's answer: it does not go with --direct", errUsage)
	}
	word := app.Resolution{ID: reservation.HoldID{Owner: c.Owner, ID: id}, Confirm: c.Confirm, Reason: c.Reason}
	r, replayed, err := app.Resolve(ctx, env.cfg, word, env.log)
	if err != nil {
		return err
	}
	if replayed {
		sayUnchanged(env, r.State.String())
	}
	return app.WriteReservation(env.out, r)
}

func sayUnchanged(env *environment, state string) {
	fmt.Fprintf(env.out, "It was %s already: nothing changed, and the reason was not kept.\n\n", state)
}
