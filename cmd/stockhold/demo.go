package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"stockhold/internal/app"
	"stockhold/internal/demo"
	"stockhold/internal/telemetry"
)

type demoCommand struct {
	Orders  string        `placeholder:"FILE" help:"Replay the orders of a CSV file, plain or gzip: invoice,ts,customer,sku,qty or the columns of the UCI Online Retail data. Default: a made-up mix."`
	Limit   int           `placeholder:"N" help:"Stop after so many sales. Default: all of the file, or 2,000 of the mix."`
	Unpaid  demo.Share    `default:"10%" help:"Of the orders: payment fails, so they are canceled."`
	Lose    demo.Share    `default:"10%" help:"Of the Confirms and Cancels: never delivered. Of all answers, half as many are lost besides."`
	Twice   demo.Share    `default:"5%" help:"Of the messages: delivered twice, at once or later."`
	Late    demo.Share    `default:"5%" help:"Of the orders: a Cancel before its Try, a Confirm after the sweeper acted, and so on."`
	Short   demo.Share    `default:"5%" help:"Of the orders: about as many find too little stock."`
	Seed    uint64        `default:"1" help:"What happens to which order. The same seed, the same fates."`
	Workers int           `default:"64" help:"Orders that are served at once."`
	TTL     time.Duration `name:"ttl" default:"2s" help:"How long a hold lasts before the sweeper asks."`
	JSON    bool          `name:"json" help:"Print the result as JSON."`
}

func (demoCommand) Help() string {
	return `Starts a server, plays an order service that sells, and a network that loses, doubles and delays its messages. The sweeper heals what was lost. Then the order service's own books are compared with stockhold's, order by order and sku by sku, and the audit is made.

It exits with 0 only if the books agree to the unit, the audit is clean and no answer was other than it should be.

Without a MySQL everything is embedded, in a temporary folder. With one, the run keeps to an owner and a location of its own, which it leaves behind; its sweeper works on everything that is due, like any other, so give it the deciders that the other servers have. Of the log, warnings and errors are shown.

Examples:

    stockhold demo

    stockhold demo --orders online_retail.csv.gz --limit 2000 --lose 30%

    STOCKHOLD_MYSQL_DSN='stock:secret@tcp(mysql:3306)/stock' STOCKHOLD_REDIS_URL=redis://redis:6379/0 stockhold demo --migrate`
}

func (c demoCommand) Run(ctx context.Context, env *environment) error {
	log := env.log
	if env.cfg.Log.Level == "info" { // what a server tells at its start and end is not what is shown here
		var err error
		if log, _, err = telemetry.NewLogger(os.Stderr, "warn", env.cfg.Log.Format); err != nil {
			return err
		}
	}
	options := demo.Defaults()
	options.Orders, options.Limit, options.Seed = c.Orders, c.Limit, c.Seed
	options.Unpaid, options.Lose, options.Twice, options.Late, options.Short = c.Unpaid, c.Lose, c.Twice, c.Late, c.Short
	options.Workers, options.TTL = c.Workers, c.TTL
	options.Progress, options.Terminal = os.Stderr, term.IsTerminal(int(os.Stderr.Fd()))

	result, err := app.Demo(ctx, env.cfg, options, log)
	if errors.Is(err, demo.ErrOptions) {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if err != nil && result.Orders == 0 {
		return err // nothing was sold: there is nothing to print
	}
	if err == nil {
		err = result.Err()
	}
	if c.JSON {
		return errors.Join(err, json.NewEncoder(env.out).Encode(result))
	}
	return errors.Join(err, result.WriteTable(env.out))
}
