// Command bench measures stockhold against what a team would otherwise build. Run
// it inside of the source tree, as `make bench OUT=dir` does; package bench says
// what it measures and how.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"stockhold/internal/app"
	"stockhold/internal/bench"
	"stockhold/internal/bench/peers"
)

// Exit codes.
const (
	exitOK     = 0 // complete, whether or not goals are reached
	exitFailed = 1 // not complete, or the figures contradict the tables
	exitMissed = 2 // --require-goals, and a goal is missed
	exitUsage  = 3
)

type commands struct {
	Run  runCommand  `cmd:"" default:"withargs" help:"Measure, and write benchmarks.md, benchmarks.json and pictures."`
	Peer peerCommand `cmd:"" hidden:"" help:"Serve as one of the peers."`
}

type runCommand struct {
	Out          string        `required:"" placeholder:"DIR" type:"path" help:"Folder for the report. Made when it is not there."`
	Quick        bool          `env:"QUICK" help:"Small and short: within 4 minutes in all."`
	Only         []string      `placeholder:"GROUP,..." help:"Only these groups: ${groups}."`
	Systems      []string      `placeholder:"NAME,..." help:"Only these systems: noop, stockhold, for-update and so on, as the report calls them."`
	Callers      []int         `placeholder:"N,..." help:"Closed loops of so many callers, in place of each group's own."`
	Seconds      float64       `placeholder:"S" help:"How long each cell is measured in each round. Default 5, quick 0.4."`
	Rounds       int           `placeholder:"N" help:"How often each cell is measured. Default 5, quick 2."`
	Connections  int           `default:"4" help:"Of the client to each service."`
	GRPC         bool          `name:"grpc" help:"The client speaks gRPC instead of the Connect protocol."`
	Seed         uint64        `default:"1" help:"Of all that is random."`
	Orders       string        `placeholder:"FILE" type:"existingfile" help:"A shop's orders for the mix of baskets. Default: a made-up mix."`
	Pprof        bool          `help:"Take CPU profiles of the services, into the folder profiles of the report's."`
	RequireGoals bool          `help:"Exit with 2 if a goal is missed."`
	Timeout      time.Duration `default:"4h" help:"Give up after so long."`
}

type peerCommand struct {
	Name   string `arg:""`
	DSN    string `name:"dsn" required:""`
	Redis  string `required:""`
	Prefix string `required:""`
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, errs io.Writer) int {
	// The first signal ends what is under way; the next one is the system's again.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	var cli commands
	parser := kong.Must(&cli, kong.Name("bench"), kong.Description("Measures stockhold against what a team would otherwise build."),
		kong.Writers(out, errs), kong.Vars{"groups": strings.Join(bench.Groups(), ", ")})
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(errs, "bench: %v\n", err)
		return exitUsage
	}
	code := exitOK
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.BindTo(out, (*io.Writer)(nil))
	if err := parsed.Run(&code); err != nil {
		fmt.Fprintf(errs, "bench: %v\n", err)
		return exitFailed
	}
	return code
}

func (c *peerCommand) Run(ctx context.Context, out io.Writer) error {
	app.TuneRuntime(slog.Default()) // as the service is
	peer, err := peers.Find(c.Name)
	if err != nil {
		return err
	}
	return peer.Serve(ctx, peers.Stores{DSN: c.DSN, Redis: c.Redis, Prefix: c.Prefix}, out)
}

func (c *runCommand) Run(ctx context.Context, out io.Writer, code *int) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	slog.SetLogLoggerLevel(slog.LevelWarn)
	app.TuneRuntime(slog.Default()) // the client shares the machine with all that it measures
	profiles, err := c.folders()
	if err != nil {
		return err
	}
	r, err := bench.Run(ctx, bench.Options{
		Quick: c.Quick, Only: c.Only, Systems: c.Systems, Callers: c.Callers,
		Measure: time.Duration(c.Seconds * float64(time.Second)), Rounds: c.Rounds,
		Connections: c.Connections, GRPC: c.GRPC, Seed: c.Seed, Orders: c.Orders, Profiles: profiles,
		Progress: out, Terminal: out == os.Stdout && term.IsTerminal(int(os.Stdout.Fd())),
	})
	if err != nil {
		return err
	}
	if err := r.Write(c.Out); err != nil {
		return err
	}
	fmt.Fprintln(out, r.Summary())
	switch {
	case len(r.Problems) > 0:
		return fmt.Errorf("%d figures are not to be believed: %s says which", len(r.Problems), c.Out)
	case c.RequireGoals && r.Missed() > 0:
		*code = exitMissed
	}
	return nil
}

// folders makes the folders that are needed before the first figure.
func (c *runCommand) folders() (profiles string, err error) {
	if c.Pprof {
		profiles = c.Out + "/profiles"
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return "", fmt.Errorf("make the report's folder: %w", err)
	}
	if profiles != "" {
		err = os.MkdirAll(profiles, 0o755)
	}
	return profiles, err
}
