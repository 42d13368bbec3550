package main

import (
	"context"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/client"
	"stockhold/internal/display"
)

type parkedCommand struct {
	Owner  string `help:"Only those of this owner. Default: of all."`
	Limit  int    `placeholder:"N" help:"Stop after so many. Default: all."`
	output `embed:""`
}

func (parkedCommand) Help() string {
	return `Lists holds that nobody decided about although their owner was asked many times (--sweep-park-after), oldest first. Their units stay held, and the owner is still asked now and then; find out what became of each order, and say it with "stockhold resolve".

Examples:

    stockhold parked
    stockhold parked --owner orders --output json | jq -r .reservation.reservationId`
}

func (c parkedCommand) Run(ctx context.Context, env *environment) error {
	table := display.ParkedTable()
	return calling(env, func(server *client.Client) error {
		return list(c.output, env.out, c.Limit, table, table.Parked, func(token string) ([]*stockholdv1.ParkedReservation, string, error) {
			page, err := client.Repeat(ctx, env.cfg.Client.Timeout, func(ctx context.Context) (*stockholdv1.ListParkedResponse, error) {
				return server.Operator.ListParked(ctx, &stockholdv1.ListParkedRequest{Owner: c.Owner, PageToken: token})
			})
			return page.GetParked(), page.GetNextPageToken(), err
		})
	})
}
