package main

import (
	"context"

	"stockhold/internal/app"
)

type serveCommand struct{}

func (serveCommand) Help() string {
	return `Serves until SIGTERM or SIGINT. Then /readyz fails, calls under way are answered, and everything is closed in order. A second signal does not wait.

SIGHUP reads the configuration again and takes over what can change while it runs: log level, limits, deciders and how they are asked. A configuration that is not valid changes nothing.

Examples:

    # try it out: nothing to install, everything in ./stockhold-data
    stockhold serve

    # production: everything in a file that is kept in Git, passwords in files of their own
    stockhold config check --config stockhold.yaml && stockhold serve --config stockhold.yaml

    # or in the environment
    STOCKHOLD_MYSQL_DSN_FILE=/run/secrets/dsn STOCKHOLD_REDIS_URL=redis://redis:6379/0 \
    STOCKHOLD_DECIDERS=orders=http://orders:8080 stockhold serve`
}

func (serveCommand) Run(ctx context.Context, env *environment) error {
	options := app.Options{Logger: env.log, Reload: env.reload}
	if env.cfg.Log.Format != "json" {
		options.Banner = env.out
	}
	return app.Serve(ctx, env.cfg, options)
}
