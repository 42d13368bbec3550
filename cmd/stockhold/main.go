// Command stockhold holds stock for orders: the server, and the commands that
// work beside it. Run `stockhold --help`.
//
// Here are the subcommands, their flags and the exit codes; what they do is in
// package app, and what can be set is in package config.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"stockhold/internal/app"
	"stockhold/internal/config"
	"stockhold/internal/telemetry"
)

// commands is the whole command line: every setting is a flag of every command,
// so that one environment suits them all. The settings tag names the groups that
// a command uses, which are those that its help shows.
type commands struct {
	config.Config

	Serve         serveCommand      `cmd:"" reloads:"" settings:"stores,server,security,sweeper,ledger,limits,log" help:"Run the server."`
	Sweep         sweepCommand      `cmd:"" reloads:"" settings:"stores,security,sweeper,ledger,log" help:"Finish holds that nobody confirmed or canceled in time."`
	Stock         stockCommands     `cmd:"" help:"Say how much there is: get, list, set, adjust, import."`
	Hold          holdCommands      `cmd:"" help:"Act as an order service does: try, confirm, cancel, get, list."`
	Parked        parkedCommand     `cmd:"" settings:"client" help:"List the holds that wait for an operator's word."`
	Resolve       resolveCommand    `cmd:"" settings:"client,stores,log" help:"Confirm or release one hold, by an operator's word."`
	Gate          gateCommands      `cmd:"" help:"Tend the gate: rebuild."`
	Migrate       migrateCommand    `cmd:"" settings:"stores,log" help:"Bring the ledger's schema up to date."`
	Audit         auditCommand      `cmd:"" settings:"stores,sweeper,log" help:"Compare ledger and gate to the unit, and the ledger with itself."`
	Demo          demoCommand       `cmd:"" settings:"stores,server,sweeper,ledger,limits,log" help:"Show the main job: an order service, a network that loses messages, and what becomes of the orders."`
	Configuration configCommand     `cmd:"" name:"config" help:"Look at the configuration without starting anything."`
	Completion    completionCommand `cmd:"" help:"Print what bash, zsh or fish need to complete command lines."`
	Candidates    completeCommand   `cmd:"" name:"complete" hidden:"" help:"Answer a shell that completes a command line."`
	Version       versionCommand    `cmd:"" help:"Tell what this program was built from."`
}

// environment is what every command gets beside its own flags.
type environment struct {
	cfg    config.Config
	given  []config.Value // the settings as they were given, and where
	log    *slog.Logger
	out    io.Writer
	reload app.Reload // for commands that run on
}

const about = `Holds stock for orders: Try holds, Confirm takes, Cancel gives back.

With no configuration at all, "stockhold serve" keeps everything in ./stockhold-data and listens on 127.0.0.1:8080. ` +
	`Every setting is a flag, a variable and a line of a file: "stockhold serve --help" lists them.

`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, errs io.Writer) int {
	ctx, stop := untilSignal()
	defer stop()
	hangups := catchHangups()
	var cli commands
	sources := config.NewSources(os.Environ(), usesSettings)
	parsed, err := newParser(&cli, sources, out, errs).Parse(args)
	if err != nil {
		return fail(errs, exitUsage, fmt.Errorf("%w\nRun \"stockhold --help\" for how to use it", err))
	}
	if !parsed.Selected().Tag.Has(reloadsTag) {
		signal.Reset(syscall.SIGHUP) // it ends these, as it does most programs
	}
	fail := fail
	if cli.Log.Format == "json" && writesLog(parsed) {
		fail = failInJSON
	}
	env, err := cli.prepare(parsed, sources, out, errs)
	if err != nil {
		return fail(errs, exitUsage, err)
	}
	env.reload.Asked, env.reload.Read = hangups, func() (config.Config, error) { return reread(args) }
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(env); err != nil {
		return fail(errs, exitOf(err), err)
	}
	return exitOK
}

func newParser(cli *commands, sources *config.Sources, out, errs io.Writer) *kong.Kong {
	return kong.Must(cli, kong.Name("stockhold"), kong.Description(about+exitHelp()), kong.Writers(out, errs),
		kong.Help(help), kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.ExplicitGroups(groups), sources)
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

// usesSettings reports whether a command has any.
func usesSettings(parsed *kong.Context) bool {
	command := parsed.Selected()
	return command != nil && command.Tag.Get(settingsTag) != ""
}

// prepare checks the settings, for commands that have any.
func (c *commands) prepare(parsed *kong.Context, sources *config.Sources, out, errs io.Writer) (*environment, error) {
	env := &environment{out: out, log: slog.Default()}
	if !usesSettings(parsed) {
		return env, nil
	}
	env.given = c.Values(sources.Origins())
	if err := c.Complete(); err != nil {
		return nil, sources.Placed(err)
	}
	log, level, err := telemetry.NewLogger(errs, c.Log.Level, c.Log.Format)
	if err != nil {
		return nil, err
	}
	if err := telemetry.SetDefault(log); err != nil {
		return nil, err
	}
	env.cfg, env.log, env.reload.Level = c.Config, log, level
	return env, nil
}

func fail(errs io.Writer, code int, err error) int {
	fmt.Fprintf(errs, "stockhold: %v\n", err)
	return code
}

// failInJSON is fail for whoever reads standard error as lines of JSON.
func failInJSON(errs io.Writer, code int, err error) int {
	slog.New(slog.NewJSONHandler(errs, nil)).Error("ended", "error", err.Error(), "exit_code", code)
	return code
}

// writesLog reports whether a command's standard error is a log, rather than words
// for whoever typed it.
func writesLog(parsed *kong.Context) bool {
	used := strings.Split(parsed.Selected().Tag.Get(settingsTag), ",")
	return slices.Contains(used, "log") && !slices.Contains(used, "client")
}
