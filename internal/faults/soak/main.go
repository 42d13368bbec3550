// Soak keeps a shop's load on stockhold for a while, with faults drawn from a seed,
// then heals everything and judges: it must come to rest, ledger and gate must pass
// the audit, and the shop's books must agree with stockhold's to the unit.
//
//	go run -tags faults ./internal/faults/soak -for 2m -seed 7
//
// Three servers and a sweep command serve a shop whose goods sell out and are
// stocked anew every season. Faults befall processes (killed, also at crash points,
// and halted), both stores (killed, wiped, halted, sessions ended) and every way
// between two parts (slow, cut, reset, silent, half open, replies lost), one or two
// at once, with calm between them. The tag `faults` is for tests; the program under
// test is always built with it.
//
// The sequence of faults depends on the seed alone: -list prints it without running
// it. What calls they meet depends on real time as well, so a seed that fails once
// may pass the next time; the logs of a failure are kept.
//
// The exit code is 0 when every promise was kept, 1 when one was broken, and 2 when
// the soak itself could not go on. Ctrl-C ends the faults early, and judges what was
// seen until then; a second one gives up.
//
//	-without "never oversold"   soak a twin of the program that lacks a guard: the
//	                            soak should notice. docs/twins.md lists the guards.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/term"

	"stockhold/internal/faults"
	"stockhold/internal/testservers"
)

// options are the flags.
type options struct {
	length  time.Duration
	seed    uint64
	workers int
	list    bool
	json    string
	without string
}

func main() {
	var o options
	flag.DurationVar(&o.length, "for", 2*time.Minute, "how long faults and load go on")
	flag.Uint64Var(&o.seed, "seed", 1, "what the faults and the shop's orders are drawn from")
	flag.IntVar(&o.workers, "workers", 12, "orders that are served at once")
	flag.BoolVar(&o.list, "list", false, "print the faults of the seed, and run nothing")
	flag.StringVar(&o.json, "json", "", "also write the report to this `file`")
	flag.StringVar(&o.without, "without", "", "soak a twin of the program without this `guard` of docs/twins.md")
	flag.Parse()
	os.Exit(run(o))
}

func run(o options) int {
	schedule := Schedule(o.seed, o.length)
	if o.list {
		if err := Print(os.Stdout, schedule); err != nil {
			return fail(err)
		}
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second one ends the program
	report, err := soak(ctx, o, schedule)
	if err := errors.Join(err, testservers.Shutdown()); err != nil {
		return fail(err)
	}
	err = report.Print(os.Stdout)
	if o.json != "" {
		err = errors.Join(err, report.WriteFile(o.json))
	}
	switch {
	case err != nil:
		return fail(err)
	case len(report.Broken) > 0:
		return 1
	default:
		return 0
	}
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "soak:", err)
	return 2
}

// build builds the program, or a twin of it.
func build(ctx context.Context, without string) (*faults.Program, error) {
	if without == "" {
		return faults.Build(ctx, faults.BuildOptions{})
	}
	changed, err := overlay(ctx, without)
	if err != nil {
		return nil, err
	}
	program, err := faults.Build(ctx, faults.BuildOptions{Overlay: changed})
	return program, errors.Join(err, os.RemoveAll(filepath.Dir(changed)))
}

// soak is the whole of it: load under faults, then calm, then judgement.
func soak(ctx context.Context, o options, schedule []Fault) (report Report, err error) {
	program, err := build(ctx, o.without)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, program.Close()) }()
	w, err := openWorld(ctx, program)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	l, err := newLoad(ctx, w, o.seed, o.workers, o.length)
	if err != nil {
		return report, err
	}
	shown := newProgress(os.Stderr, term.IsTerminal(int(os.Stderr.Fd())), o.length)
	report, err = w.storm(ctx, o, schedule, l, shown)
	if err != nil {
		return report, err
	}
	shown.note("the faults are over; waiting for rest, then asking what became of every order")
	w.judge(context.WithoutCancel(ctx), l, &report)
	if len(report.Broken) > 0 {
		report.Logs, err = w.keepLogs(report)
	}
	return report, err
}
