package main

import (
	"io"
	"os"
	"os/signal"
	"syscall"

	"stockhold/internal/config"
)

// reloadsTag marks the commands that read their configuration again on SIGHUP.
const reloadsTag = "reloads"

// catchHangups collects SIGHUPs from now on, so that not even one that comes
// during the start ends the process. Those that come before it listens are one.
func catchHangups() <-chan os.Signal {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	return hangups
}

// reread reads the configuration as it is now: the file, and files that it names,
// may have changed, the command line and the environment have not.
func reread(args []string) (config.Config, error) {
	var cli commands
	sources := config.NewSources(os.Environ(), nil)
	if _, err := newParser(&cli, sources, io.Discard, io.Discard).Parse(args); err != nil {
		return config.Config{}, err
	}
	return cli.Config, sources.Placed(cli.Complete())
}
