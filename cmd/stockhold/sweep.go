package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"stockhold/internal/app"
)

type sweepCommand struct {
	Once bool `help:"End when nothing is due any more, and print what was done."`
	JSON bool `name:"json" help:"With --once: print it as JSON."`
}

func (sweepCommand) Help() string {
	return `serve sweeps by itself; this is for a sweeper of its own, or one that is started by a clock. Any number may run at once, beside any number of servers.

With --once it exits with 1 if anything failed. Without, SIGHUP has it read its configuration again, as serve does.

Examples:

    # a Kubernetes CronJob
    stockhold sweep --once

    # a process of its own, with metrics
    stockhold sweep --sweep-listen 127.0.0.1:9090`
}

func (c sweepCommand) Run(ctx context.Context, env *environment) error {
	if !c.Once {
		if c.JSON {
			return fmt.Errorf("%w: --json needs --once", errUsage)
		}
		return app.SweepForever(ctx, env.cfg, app.Options{Logger: env.log, Reload: env.reload})
	}
	report, err := app.SweepOnce(ctx, env.cfg, env.log)
	if err != nil && report.Passes == 0 {
		return err // it did not get to begin: there is nothing to print
	}
	if c.JSON {
		return errors.Join(err, json.NewEncoder(env.out).Encode(report))
	}
	return errors.Join(err, report.WriteTable(env.out))
}
