package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"stockhold/internal/bench/limits"
	"stockhold/internal/bench/peers"
	"stockhold/internal/bench/proc"
	"stockhold/internal/bench/report"
	"stockhold/internal/bench/stage"
	"stockhold/internal/bench/sweeping"
	"stockhold/internal/bench/workload"
	"stockhold/internal/orders"
)

// The groups that are no cells under load.
const (
	groupSweeper = "sweeper"
	groupLimits  = "limits"
)

// runner is one run.
type runner struct {
	opts     Options
	scale    scale
	stage    *stage.Stage
	report   *report.Report
	progress *progress
	cells    uint64 // measured so far: each gets ids of its own
}

// Run measures, and returns the report. Its Problems say why it is not to be
// believed, if there are any; an error means that it could not be finished.
func Run(ctx context.Context, opts Options) (_ *report.Report, err error) {
	opts.complete()
	machine, err := proc.ReadMachine()
	if err != nil {
		return nil, err
	}
	r := &runner{opts: opts, scale: opts.scale(machine)}
	r.report = &report.Report{Quick: opts.Quick, Started: time.Now().UTC().Truncate(time.Second), Machine: machine, Conduct: r.conduct(), Problems: []string{}}
	p := &planner{scale: r.scale, opts: opts, grown: stage.Trade(r.scale.grownRows, opts.Seed)}
	baskets, err := openBaskets(opts)
	if err != nil {
		return nil, err
	}
	groups := r.wanted(p.groups(baskets))
	r.progress = newProgress(opts.Progress, opts.Terminal, r.steps(groups))
	defer r.progress.end()

	r.progress.begin("building stockhold, starting MariaDB and Redis")
	if r.stage, err = stage.Open(ctx, stage.Options{BufferPoolMiB: r.scale.bufferPoolMiB, Profile: opts.Profiles != ""}); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.stage.Close()) }()
	if err := r.describe(ctx); err != nil {
		return nil, err
	}
	for _, g := range groups {
		if err := r.group(ctx, g); err != nil {
			return nil, fmt.Errorf("group %s: %w", g.name, err)
		}
	}
	if err := errors.Join(r.sweeper(ctx), r.limits(ctx)); err != nil {
		return nil, err
	}
	r.report.Seconds = time.Since(r.report.Started).Seconds()
	r.report.Finish()
	return r.report, nil
}

func (r *runner) conduct() report.Conduct {
	c := report.Conduct{
		Rounds: r.scale.rounds, WarmSeconds: r.scale.warm.Seconds(), Seconds: r.scale.measure.Seconds(),
		Connections: r.opts.Connections, Protocol: "Connect", Seed: r.opts.Seed,
		GrownRows: r.scale.grownRows, GrownSKUs: r.scale.grownSKUs, OverdueHolds: r.scale.overdue,
		Profiled: r.opts.Profiles != "", BufferPoolMiB: r.scale.bufferPoolMiB,
	}
	if r.opts.GRPC {
		c.Protocol = "gRPC"
	}
	return c
}

// describe reads back what everything runs on.
func (r *runner) describe(ctx context.Context) (err error) {
	if r.report.Version, err = r.stage.Version(ctx); err != nil {
		return err
	}
	if r.report.Settings, err = r.stage.Settings(ctx); err != nil {
		return err
	}
	for _, p := range peers.All() {
		r.report.Systems = append(r.report.Systems, report.System{Name: p.Name, Source: p.Source, SQL: p.SQL, Ceiling: p.Ceiling})
	}
	return nil
}

// openBaskets reads the file of orders, or makes some up.
func openBaskets(opts Options) (workload.Workload, error) {
	if opts.Orders == "" {
		return workload.Baskets(orders.NewMix(orders.MixOptions{Sales: 5000, Seed: opts.Seed}), "a made-up mix")
	}
	file, err := orders.Open(opts.Orders)
	if err != nil {
		return workload.Workload{}, err
	}
	w, err := workload.Baskets(file, "a file of real orders")
	return w, errors.Join(err, file.Close())
}

// wanted leaves out what was not asked for.
func (r *runner) wanted(groups []group) []group {
	var wanted []group
	for _, g := range groups {
		if !r.isWanted(g.name) {
			continue
		}
		if len(r.opts.Systems) > 0 {
			other := func(system string) bool { return !slices.Contains(r.opts.Systems, system) }
			g.systems = slices.DeleteFunc(g.systems, func(c contender) bool { return other(c.name) })
			g.cells = slices.DeleteFunc(g.cells, func(c cell) bool { return other(c.system) })
		}
		if len(g.cells) > 0 {
			wanted = append(wanted, g)
		}
	}
	return wanted
}

func (r *runner) isWanted(group string) bool {
	return len(r.opts.Only) == 0 || slices.Contains(r.opts.Only, group)
}

// Groups are the names that Options.Only may hold.
func Groups() []string {
	p := &planner{scale: scale{rounds: 1, grownSKUs: 1}}
	var names []string
	for _, g := range p.groups(workload.Workload{Stock: []peers.Stock{{}}}) {
		names = append(names, g.name)
	}
	return append(names, groupSweeper, groupLimits)
}

func (r *runner) steps(groups []group) int {
	steps := 0
	for _, g := range groups {
		steps += len(g.cells) * g.rounds
	}
	if r.isWanted(groupSweeper) {
		steps += len(r.sweeps())
	}
	if r.isWanted(groupLimits) {
		steps += len(r.bareLimits())
	}
	return steps
}

// problem notes why the run is not to be believed, and goes on: the other
// figures may help to find out.
func (r *runner) problem(where string, err error) {
	text := where + ": " + err.Error()
	r.report.Problems = append(r.report.Problems, text)
	r.progress.note("PROBLEM " + text)
}

func (r *runner) sweeps() []sweeping.Case {
	stock := workload.Singles(skus).Stock
	var cases []sweeping.Case
	add := func(name string, ask bool, spread time.Duration, holds int) {
		cases = append(cases, sweeping.Case{Name: name, Ask: ask, Spread: spread, Holds: holds, Stock: stock, Seed: r.opts.Seed})
	}
	for range (r.scale.rounds + 1) / 2 {
		add(report.SweepPolicy, false, 0, r.scale.overdue)
		add("check-back, all at once", true, 0, r.scale.overdue)
	}
	add("policy, one after the other", false, r.scale.spread, r.scale.overdue/10)
	add("check-back, one after the other", true, r.scale.spread, r.scale.overdue/10)
	return cases
}

func (r *runner) sweeper(ctx context.Context) error {
	if !r.isWanted(groupSweeper) {
		return nil
	}
	for _, c := range r.sweeps() {
		r.progress.begin(fmt.Sprintf("sweeper: %s, %d holds", c.Name, c.Holds))
		result, err := sweeping.Run(ctx, r.stage, c)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			r.problem("sweeper, "+c.Name, err)
		default:
			r.report.Sweeps = append(r.report.Sweeps, result)
		}
		r.progress.step()
	}
	return nil
}

// bareLimit measures one limit.
type bareLimit struct {
	name    string
	measure func(ctx context.Context) (limits.Result, error)
}

func (r *runner) bareLimits() []bareLimit {
	all := []bareLimit{{"the gate's script in Redis", func(ctx context.Context) (limits.Result, error) {
		return limits.Freeze(ctx, r.stage, r.scale.freezes)
	}}}
	for _, rows := range []int{64, 512, 2048} {
		all = append(all, bareLimit{fmt.Sprintf("multi-row INSERT of %d", rows), func(ctx context.Context) (limits.Result, error) {
			return limits.Insert(ctx, r.stage, rows, 2*r.scale.measure)
		}})
	}
	return all
}

func (r *runner) limits(ctx context.Context) error {
	if !r.isWanted(groupLimits) {
		return nil
	}
	for _, limit := range r.bareLimits() {
		r.progress.begin("limits: " + limit.name)
		result, err := limit.measure(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			r.problem("limits, "+limit.name, err)
		default:
			r.report.Limits = append(r.report.Limits, result)
		}
		r.progress.step()
	}
	return nil
}

// quiet collects this process's garbage, so that no cell pays for another's.
func quiet() { debug.FreeOSMemory() }

func title(c cell) string {
	text := fmt.Sprintf("%s, %s, %d callers", c.load.Name, c.system, c.callers)
	return strings.ReplaceAll(text, "\n", " ")
}
