package main

import (
	"context"
	"fmt"
	"os"

	"github.com/google/uuid"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/client"
	"stockhold/internal/display"
)

// stockCommands say how much there is.
type stockCommands struct {
	Get    stockGet    `cmd:"" settings:"client" help:"Show one stock row."`
	List   stockList   `cmd:"" settings:"client" help:"List stock rows."`
	Set    stockSet    `cmd:"" settings:"client" help:"Set what is physically there: a recount."`
	Adjust stockAdjust `cmd:"" settings:"client" help:"Add units, or take some away."`
	Import stockImport `cmd:"" settings:"client" help:"Set the stock of all rows of a CSV file."`
}

// place names a stock row.
type place struct {
	SKU      string `arg:"" name:"sku" help:"What."`
	Location string `short:"l" default:"default" help:"Where."`
}

// note is what is kept with a change of stock.
type note struct {
	AdjustmentID string `placeholder:"ID" help:"Names the change, so that a repeat with the same id changes nothing. Default: a new one, which is told if there is no answer."`
	Reason       string `help:"Why, for those who ask later."`
	Reference    string `help:"What it belongs to: a count sheet, a delivery note."`
}

// id is the caller's, or a new one.
func (n note) id() string {
	if n.AdjustmentID != "" {
		return n.AdjustmentID
	}
	return uuid.NewString()
}

// withID tells the id of a change that may have happened, so that it can be repeated.
func withID(err error, flag, id string) error {
	if err = client.Explain(err); exitOf(err) != exitUnavailable {
		return err
	}
	return fmt.Errorf("%w\n  With %s %s the repeat is safe", err, flag, id)
}

type stockGet struct {
	place  `embed:""`
	output `embed:""`
}

func (stockGet) Help() string {
	return `Reads the ledger of a running server.

Examples:

    stockhold stock get mug
    stockhold stock get mug --location berlin --output json`
}

func (c stockGet) Run(ctx context.Context, env *environment) error {
	return calling(env, func(server *client.Client) error {
		ctx, cancel := context.WithTimeout(ctx, env.cfg.Client.Timeout)
		defer cancel()
		answer, err := server.Inventory.GetStock(ctx, &stockholdv1.GetStockRequest{Sku: c.SKU, LocationId: c.Location})
		if err != nil {
			return client.Explain(err)
		}
		return c.one(env.out, answer.GetStock(), func() error { return printStock(env, answer.GetStock()) })
	})
}

func printStock(env *environment, stock *stockholdv1.Stock) error {
	table := display.StockTable()
	table.Stock(stock)
	return table.Print(env.out)
}

type stockList struct {
	SKU      string `name:"sku" help:"Only this sku."`
	Location string `short:"l" help:"Only this location."`
	Limit    int    `placeholder:"N" help:"Stop after so many. Default: all."`
	output   `embed:""`
}

func (c stockList) Run(ctx context.Context, env *environment) error {
	table := display.StockTable()
	return calling(env, func(server *client.Client) error {
		return list(c.output, env.out, c.Limit, table, table.Stock, func(token string) ([]*stockholdv1.Stock, string, error) {
			page, err := client.Repeat(ctx, env.cfg.Client.Timeout, func(ctx context.Context) (*stockholdv1.ListStockResponse, error) {
				return server.Inventory.ListStock(ctx, &stockholdv1.ListStockRequest{Sku: c.SKU, LocationId: c.Location, PageToken: token})
			})
			return page.GetStocks(), page.GetNextPageToken(), err
		})
	})
}

type stockSet struct {
	place    `embed:""`
	OnHand   int64  `arg:"" help:"Units physically there now. Held and committed ones are still there, shipped ones are not."`
	Expected *int64 `placeholder:"N" help:"Only if so many were there before."`
	note     `embed:""`
	output   `embed:""`
}

func (stockSet) Help() string {
	return `Makes the row where there is none. Nothing that is held is released.

Example:

    stockhold stock set mug 120 --location berlin --reason "yearly count"`
}

func (c stockSet) Run(ctx context.Context, env *environment) error {
	return calling(env, func(server *client.Client) error {
		ctx, cancel := context.WithTimeout(ctx, env.cfg.Client.Timeout)
		defer cancel()
		id := c.id()
		answer, err := server.Inventory.SetStock(ctx, &stockholdv1.SetStockRequest{
			Sku: c.SKU, LocationId: c.Location, OnHand: c.OnHand, ExpectedOnHand: c.Expected,
			AdjustmentId: id, Reason: c.Reason, Reference: c.Reference,
		})
		if err != nil {
			return withID(err, "--adjustment-id", id)
		}
		sayReplayed(answer.GetReplayed())
		return c.one(env.out, answer, func() error { return printStock(env, answer.GetStock()) })
	})
}

type stockAdjust struct {
	place  `embed:""`
	Add    int64 `xor:"delta" required:"" placeholder:"N" help:"Units that came."`
	Take   int64 `xor:"delta" required:"" placeholder:"N" help:"Units that are gone."`
	note   `embed:""`
	output `embed:""`
}

func (stockAdjust) Help() string {
	return `Makes the row where there is none. More than is there cannot be taken; what is held can.

Examples:

    stockhold stock adjust mug --add 40 --reference delivery-17
    stockhold stock adjust mug --take 2 --reason broken`
}

func (c stockAdjust) Run(ctx context.Context, env *environment) error {
	if c.Add < 0 || c.Take < 0 || c.Add+c.Take == 0 {
		return fmt.Errorf("%w: --add or --take must be at least 1", errUsage)
	}
	return calling(env, func(server *client.Client) error {
		ctx, cancel := context.WithTimeout(ctx, env.cfg.Client.Timeout)
		defer cancel()
		id := c.id()
		answer, err := server.Inventory.AdjustStock(ctx, &stockholdv1.AdjustStockRequest{
			Sku: c.SKU, LocationId: c.Location, Delta: c.Add - c.Take, AdjustmentId: id, Reason: c.Reason, Reference: c.Reference,
		})
		if err != nil {
			return withID(err, "--adjustment-id", id)
		}
		sayReplayed(answer.GetReplayed())
		return c.one(env.out, answer, func() error { return printStock(env, answer.GetStock()) })
	})
}

// sayReplayed tells people what scripts read in the answer.
func sayReplayed(replayed bool) {
	if replayed {
		fmt.Fprintln(os.Stderr, "It was done before: this call changed nothing.")
	}
}
