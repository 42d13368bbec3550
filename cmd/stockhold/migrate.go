package main

import (
	"context"

	"stockhold/internal/app"
)

type migrateCommand struct {
	Status bool `help:"Change nothing: tell the version, and exit with 1 unless it is the one this program works with."`
}

func (migrateCommand) Help() string {
	return `Migrations are numbered and part of this program. Two at the same time wait for each other. The embedded ledger is migrated by serve itself.

Examples:

    STOCKHOLD_MYSQL_DSN='stock:secret@tcp(mysql:3306)/stock' stockhold migrate
    stockhold migrate --status --mysql-dsn-file /run/secrets/dsn`
}

func (c migrateCommand) Run(ctx context.Context, env *environment) error {
	if c.Status {
		return app.SchemaStatus(ctx, env.cfg.Stores, env.out, env.log)
	}
	return app.Migrate(ctx, env.cfg.Stores, env.out, env.log)
}
