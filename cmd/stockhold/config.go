package main

import (
	"errors"
	"io"

	"stockhold/internal/app"
	"stockhold/internal/config"
)

type configCommand struct {
	Check configCheckCommand `cmd:"" settings:"all" help:"Check the configuration and print what is in force, from where."`
}

type configCheckCommand struct {
	Output string `default:"yaml" enum:"yaml,json,table" placeholder:"FORMAT" help:"yaml, which is a file of settings itself, json or table."`
}

func (configCheckCommand) Help() string {
	return `Reads flags, environment and file as serve would, checks all of it, and prints every setting with where it came from. It connects to nothing, and opens no files but those that the configuration names: secrets, certificates, the access policy. Passwords are masked.

It exits with 0 if serve would accept the configuration, and with 2 if not; what is wrong is on standard error, each with its line.

Examples:

    stockhold config check --config stockhold.yaml --output table

    # before a reload
    stockhold config check --config /etc/stockhold.yaml >/dev/null && kill -HUP "$(pidof stockhold)"

    stockhold config check --output json | jq -r '.settings["limit-lines"].value'`
}

func (c configCheckCommand) Run(env *environment) error {
	cfg := env.cfg
	err := errors.Join(cfg.Security.CheckListen("listen", cfg.Server.Listen), app.CheckSecurity(cfg, env.log))
	if cfg.Sweeper.Listen != "" {
		err = errors.Join(err, cfg.Security.CheckListen("sweep-listen", cfg.Sweeper.Listen))
	}
	if err != nil {
		return invalid{err}
	}
	write := map[string]func(io.Writer, []config.Value) error{
		"yaml": config.WriteYAML, "json": config.WriteJSON, "table": config.WriteTable,
	}[c.Output]
	return write(env.out, env.given)
}

// invalid is what is wrong with a configuration: used wrongly, by its exit code.
type invalid struct{ error }

func (invalid) Is(target error) bool { return target == errUsage }
