package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/client"
	"stockhold/internal/display"
)

// holdCommands act as an order service does.
type holdCommands struct {
	Try     holdTry     `cmd:"" settings:"client" help:"Hold units, all or none."`
	Confirm holdConfirm `cmd:"" settings:"client" help:"Take what is held."`
	Cancel  holdCancel  `cmd:"" settings:"client" help:"Give back what is held."`
	Get     holdGet     `cmd:"" settings:"client" help:"Show one reservation."`
	List    holdList    `cmd:"" settings:"client" help:"List the reservations of an owner."`
}

// holdName names a reservation that is there.
type holdName struct {
	Named string `arg:"" optional:"" name:"reservation" help:"Its reservation_id."`
	ID    string `name:"id" placeholder:"ID" help:"The same, as a flag."`
	Owner string `default:"default" help:"Whose it is."`
}

// id is the one that was named.
func (n holdName) id() (string, error) {
	switch {
	case n.Named != "" && n.ID != "":
		return "", fmt.Errorf("%w: the reservation is named twice, %q and --id %q", errUsage, n.Named, n.ID)
	case n.Named+n.ID == "":
		return "", fmt.Errorf("%w: which reservation? Name it, or --id", errUsage)
	}
	return n.Named + n.ID, nil
}

// aboutOne is what the calls about one reservation answer.
type aboutOne interface {
	proto.Message
	GetReservation() *stockholdv1.Reservation
}

// callAbout makes one call about a reservation that is there, and prints the answer.
func callAbout[Answer aboutOne](
	ctx context.Context, env *environment, n holdName, o output,
	call func(ctx context.Context, server *client.Client, id string) (Answer, error),
) error {
	id, err := n.id()
	if err != nil {
		return err
	}
	return calling(env, func(server *client.Client) error {
		ctx, cancel := context.WithTimeout(ctx, env.cfg.Client.Timeout)
		defer cancel()
		answer, err := call(ctx, server, id)
		if err != nil {
			return client.Explain(err)
		}
		shown := proto.Message(answer)
		if change, ok := shown.(interface{ GetReplayed() bool }); ok {
			sayReplayed(change.GetReplayed())
		} else {
			shown = answer.GetReservation()
		}
		return o.one(env.out, shown, func() error { return display.Reservation(env.out, answer.GetReservation(), "") })
	})
}

type holdConfirm struct {
	holdName     `embed:""`
	ReserveAgain bool `help:"If it has expired, take the units again where they are still there."`
	output       `embed:""`
}

func (c holdConfirm) Run(ctx context.Context, env *environment) error {
	late := stockholdv1.IfReleased_IF_RELEASED_UNSPECIFIED
	if c.ReserveAgain {
		late = stockholdv1.IfReleased_IF_RELEASED_RESERVE_AGAIN
	}
	return callAbout(ctx, env, c.holdName, c.output, func(ctx context.Context, server *client.Client, id string) (*stockholdv1.ConfirmResponse, error) {
		return server.Reservations.Confirm(ctx, &stockholdv1.ConfirmRequest{ReservationId: id, Owner: c.Owner, IfReleased: late})
	})
}

type holdCancel struct {
	holdName `embed:""`
	Reason   string `help:"Why: kept with the reservation."`
	output   `embed:""`
}

func (holdCancel) Help() string {
	return `It is also accepted for an id that was never held: a Try of it that comes later is refused then.`
}

func (c holdCancel) Run(ctx context.Context, env *environment) error {
	return callAbout(ctx, env, c.holdName, c.output, func(ctx context.Context, server *client.Client, id string) (*stockholdv1.CancelResponse, error) {
		return server.Reservations.Cancel(ctx, &stockholdv1.CancelRequest{ReservationId: id, Owner: c.Owner, Reason: c.Reason})
	})
}

type holdGet struct {
	holdName `embed:""`
	output   `embed:""`
}

func (c holdGet) Run(ctx context.Context, env *environment) error {
	return callAbout(ctx, env, c.holdName, c.output, func(ctx context.Context, server *client.Client, id string) (*stockholdv1.GetReservationResponse, error) {
		return server.Reservations.GetReservation(ctx, &stockholdv1.GetReservationRequest{ReservationId: id, Owner: c.Owner})
	})
}

type holdList struct {
	Owner    string        `default:"default" help:"Whose."`
	State    []string      `enum:"reserved,confirmed,canceled,expired,fulfilled,returned" placeholder:"STATE" help:"Only in this state; may be given more than once: reserved, confirmed, canceled, expired, fulfilled, returned."`
	SKU      string        `name:"sku" help:"Only with a line of this sku."`
	Location string        `short:"l" help:"Only with a line at this location."`
	Parked   bool          `help:"Only those that are parked."`
	Within   time.Duration `placeholder:"DURATION" help:"Only those created so long ago or later: 90m, 24h."`
	Limit    int           `placeholder:"N" help:"Stop after so many. Default: all."`
	output   `embed:""`
}

func (holdList) Help() string {
	return `Oldest first.

Examples:

    stockhold hold list --owner orders --state reserved
    stockhold hold list --sku mug --within 24h --output json`
}

func (c holdList) Run(ctx context.Context, env *environment) error {
	request := &stockholdv1.ListReservationsRequest{Owner: c.Owner, Sku: c.SKU, LocationId: c.Location, Parked: c.Parked}
	for _, state := range c.State {
		request.States = append(request.States, stockholdv1.State(stockholdv1.State_value["STATE_"+strings.ToUpper(state)]))
	}
	if c.Within > 0 {
		request.CreatedAfter = ago(c.Within)
	}
	table := display.HoldTable()
	return calling(env, func(server *client.Client) error {
		return list(c.output, env.out, c.Limit, table, table.Hold, func(token string) ([]*stockholdv1.Reservation, string, error) {
			request.PageToken = token
			page, err := client.Repeat(ctx, env.cfg.Client.Timeout, func(ctx context.Context) (*stockholdv1.ListReservationsResponse, error) {
				return server.Reservations.ListReservations(ctx, request)
			})
			return page.GetReservations(), page.GetNextPageToken(), err
		})
	})
}

// sayNext tells people how a hold goes on.
func sayNext(r *stockholdv1.Reservation) {
	owner := ""
	if r.GetOwner() != "default" {
		owner = " --owner " + r.GetOwner()
	}
	fmt.Fprintf(os.Stderr, "\nTake it:      stockhold hold confirm %[1]s%[2]s\nGive it back: stockhold hold cancel %[1]s%[2]s\n", r.GetReservationId(), owner)
}
