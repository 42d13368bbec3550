// Command stockhold holds stock for orders: the server, and the commands that
// work beside it. Run `stockhold --help`.
//
// Here are the subcommands, their flags and the exit codes; what they do is in
// package app, and what can be set is in package config.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"stockhold/internal/config"
	"stockhold/internal/telemetry"
)

// Exit codes. A second signal while the first is being obeyed ends the process
// at once, with the code that the system gives to one killed by that signal.
const (
	exitOK     = 0 // done
	exitFailed = 1 // tried and failed, or done in part: what it was is on standard error
	exitUsage  = 2 // not tried: a flag, a variable or the command is wrong
)

// commands is the whole command line: every setting is a flag of every command,
// so that one environment suits them all. The settings tag names the groups that
// a command uses, which are those that its help shows.
type commands struct {
	config.Config

	Serve   serveCommand   `cmd:"" settings:"stores,server,sweeper,ledger,limits,log" help:"Run the server."`
	Sweep   sweepCommand   `cmd:"" settings:"stores,sweeper,ledger,log" help:"Finish holds that nobody confirmed or canceled in time."`
	Resolve resolveCommand `cmd:"" settings:"stores,log" help:"Confirm or release one hold, by an operator's word."`
	Migrate migrateCommand `cmd:"" settings:"stores,log" help:"Bring the ledger's schema up to date."`
	Audit   auditCommand   `cmd:"" settings:"stores,sweeper,log" help:"Compare ledger and gate to the unit, and the ledger with itself."`
	Demo    demoCommand    `cmd:"" settings:"stores,server,sweeper,ledger,limits,log" help:"Show the main job: an order service, a network that loses messages, and what becomes of the orders."`
	Version versionCommand `cmd:"" help:"Tell what this program was built from."`
}

// environment is what every command gets beside its own flags.
type environment struct {
	cfg config.Config
	log *slog.Logger
	out io.Writer
}

const about = `Holds stock for orders: Try holds, Confirm takes, Cancel gives back.

With no configuration at all, "stockhold serve" keeps everything in ./stockhold-data and listens on 127.0.0.1:8080. ` +
	`Every setting is a flag and a variable: "stockhold serve --help" lists them.

Exit codes: 0 done, 1 failed, 2 used wrongly.`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, errs io.Writer) int {
	ctx, stop := untilSignal()
	defer stop()
	var cli commands
	parser := kong.Must(&cli, kong.Name("stockhold"), kong.Description(about), kong.Writers(out, errs),
		kong.Help(help), kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.ExplicitGroups(groups))
	parsed, err := parser.Parse(args)
	if err != nil {
		return fail(errs, exitUsage, fmt.Errorf("%w\nRun \"stockhold --help\" for how to use it", err))
	}
	env, err := cli.prepare(parsed, out, errs)
	if err != nil {
		return fail(errs, exitUsage, err)
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(env); err != nil {
		if errors.Is(err, errUsage) {
			return fail(errs, exitUsage, err)
		}
		return fail(errs, exitFailed, err)
	}
	return exitOK
}

// untilSignal returns a context that ends with the first SIGTERM or SIGINT. By
// then the next one is the system's again, which ends the process.
func untilSignal() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
		case <-ctx.Done():
		}
		signal.Stop(signals)
		cancel()
	}()
	return ctx, cancel
}

// prepare checks the settings, for commands that have any.
func (c *commands) prepare(parsed *kong.Context, out, errs io.Writer) (*environment, error) {
	env := &environment{out: out, log: slog.Default()}
	if parsed.Selected().Tag.Get(settingsTag) == "" {
		return env, nil
	}
	if err := errors.Join(config.CheckEnvironment(os.Environ()), c.Complete()); err != nil {
		return nil, err
	}
	log, err := telemetry.NewLogger(errs, c.Log.Level, c.Log.Format)
	if err != nil {
		return nil, err
	}
	if err := telemetry.SetDefault(log); err != nil {
		return nil, err
	}
	env.cfg, env.log = c.Config, log
	return env, nil
}

func fail(errs io.Writer, code int, err error) int {
	fmt.Fprintf(errs, "stockhold: %v\n", err)
	return code
}
