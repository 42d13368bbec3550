package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"stockhold/internal/app"
	"stockhold/internal/audit"
)

type auditCommand struct {
	JSON   bool          `name:"json" help:"Print the report as JSON."`
	Strict bool          `help:"Also exit with 1 if the gate differs from the ledger, or cannot be read."`
	Show   int           `default:"20" help:"Most differences of one kind that are listed. All are counted."`
	Pause  time.Duration `default:"2s" help:"Between the two looks at a row of the gate that differs: what is in flight at the first has arrived at the second."`
	Grace  time.Duration `default:"0s" help:"How long a hold may be pending in the gate. 0s: twice the sweeper's --sweep-reap-grace."`
}

func (auditCommand) Help() string {
	return `Reads ledger and gate, changes nothing, and lists every difference with what it means and what to do. Servers may be at work meanwhile: the ledger is read as it was at one moment, and the gate twice.

It exits with 1 if the ledger contradicts itself, or could not be read to its end. What the gate has wrong costs speed or sales until the sweeper repairs it, never stock. The gate of an embedded server can only be seen by that server, so it is not judged.

On a large ledger it takes minutes; the database keeps old rows for it until it ends (MySQL: undo logs, SQLite: the write-ahead log).

Examples:

    stockhold audit

    # for a monitor
    stockhold audit --json --strict`
}

func (c auditCommand) Run(ctx context.Context, env *environment) (err error) {
	stores, err := app.OpenStores(ctx, env.cfg.Stores, env.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stores.Close()) }()

	deps := audit.Deps{Ledger: stores.Ledger}
	if stores.Gate != nil {
		deps.Gate = stores.Gate
	}
	options := audit.Options{Show: c.Show, Pause: c.Pause, Grace: c.Grace}
	if options.Grace == 0 {
		options.Grace = 2 * env.cfg.Sweeper.ReapGrace
	}
	progress, done := audit.ShowProgress(os.Stderr)
	options.Progress = progress
	report, err := audit.Run(ctx, deps, options)
	done()
	if err == nil {
		err = report.Err(c.Strict)
	}
	if c.JSON {
		return errors.Join(err, json.NewEncoder(env.out).Encode(report))
	}
	return errors.Join(err, report.WriteTable(env.out))
}
