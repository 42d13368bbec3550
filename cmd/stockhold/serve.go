package main

import (
	"context"

	"stockhold/internal/app"
)

type serveCommand struct{}

func (serveCommand) Help() string {
	return `Serves until SIGTERM or SIGINT. Then /readyz fails, calls under way are answered, and everything is closed in order. A second signal does not wait.

Examples:

    # try it out: nothing to install, everything in ./stockhold-data
    stockhold serve

    # production
    STOCKHOLD_MYSQL_DSN_FILE=/run/secrets/dsn STOCKHOLD_REDIS_URL=redis://redis:6379/0 \
    STOCKHOLD_DECIDERS=orders=http://orders:8080 STOCKHOLD_LISTEN=:8080 stockhold serve`
}

func (serveCommand) Run(ctx context.Context, env *environment) error {
	options := app.Options{Logger: env.log}
	if env.cfg.Log.Format != "json" {
		options.Banner = env.out
	}
	return app.Serve(ctx, env.cfg, options)
}
