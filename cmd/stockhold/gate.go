package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/dustin/go-humanize"
	"golang.org/x/term"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/client"
	"stockhold/internal/display"
)

// gateCommands tend the gate.
type gateCommands struct {
	Rebuild gateRebuild `cmd:"" settings:"client" help:"Have the gate forget its rows and load them from the ledger."`
}

type gateRebuild struct {
	SKU    []string `name:"sku" sep:"none" help:"Only rows of this sku, at all locations; may be given more than once. Default: all rows."`
	output `embed:""`
}

func (gateRebuild) Help() string {
	return `It is safe at any moment, under load too: the ledger decides about every hold, and those under way are settled as ever. It is hardly ever needed, since the gate mends itself; it is for after a restore of either store, or when the audit shows units that nobody holds.

Rows that the gate has not loaded are left so. Where each server has a gate of its own, it is that of the server that is called. It may be stopped and run again at any time.

Exits with 3 if the ledger does not have a sku that was named.

Examples:

    stockhold gate rebuild
    stockhold gate rebuild --sku mug --sku spoon`
}

// rebuilt is what all pages of a rebuild did, together.
type rebuilt struct {
	LookedAt    int      `json:"lookedAt"`
	Rebuilt     int      `json:"rebuilt"`
	Behind      int      `json:"behind"`
	Ahead       int      `json:"ahead"`
	Different   int      `json:"different"`
	UnknownSKUs []string `json:"unknownSkus"`
}

func (c gateRebuild) Run(ctx context.Context, env *environment) error {
	return calling(env, func(server *client.Client) error {
		total, err := c.pages(ctx, env, server)
		if err != nil {
			return fmt.Errorf("stopped after %s rows: %w%s", humanize.Comma(int64(total.LookedAt)), err, again(err, "it begins anew, which does no harm"))
		}
		if err := c.print(env, total); err != nil {
			return err
		}
		if len(total.UnknownSKUs) > 0 {
			return &client.Failure{Kind: client.Refused, Message: "the ledger does not have " + strings.Join(total.UnknownSKUs, ", ")}
		}
		return nil
	})
}

func (c gateRebuild) pages(ctx context.Context, env *environment, server *client.Client) (rebuilt, error) {
	progress := display.NewProgress(os.Stderr, term.IsTerminal(int(os.Stderr.Fd())), "rebuild", "rows looked at", 0)
	defer progress.End()
	total := rebuilt{UnknownSKUs: []string{}}
	for token := ""; ; {
		page, err := client.Repeat(ctx, env.cfg.Client.Timeout, func(ctx context.Context) (*stockholdv1.RebuildGateResponse, error) {
			return server.Operator.RebuildGate(ctx, &stockholdv1.RebuildGateRequest{Skus: c.SKU, PageToken: token})
		})
		if err != nil {
			return total, err
		}
		total.LookedAt += int(page.GetLookedAt())
		total.Rebuilt += int(page.GetRebuilt())
		total.Behind += int(page.GetDrift().GetBehind())
		total.Ahead += int(page.GetDrift().GetAhead())
		total.Different += int(page.GetDrift().GetDifferent())
		total.UnknownSKUs = append(total.UnknownSKUs, page.GetUnknownSkus()...)
		progress.Add(int(page.GetLookedAt()))
		if token = page.GetNextPageToken(); token == "" {
			return total, nil
		}
	}
}

func (c gateRebuild) print(env *environment, total rebuilt) error {
	if c.json() {
		return json.NewEncoder(env.out).Encode(total)
	}
	table := display.NewTable()
	count := func(n int) string { return humanize.Comma(int64(n)) }
	table.Row("rows of the ledger", count(total.LookedAt))
	table.Row("rebuilt in the gate", count(total.Rebuilt))
	table.Row("  had been behind", count(total.Behind)+"  (under load, some always are)")
	table.Row("  had been ahead", count(total.Ahead)+"  (the ledger was restored, or lost commits)")
	table.Row("  had other figures", count(total.Different))
	return table.Print(env.out)
}
