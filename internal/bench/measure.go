package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"stockhold/internal/bench/load"
	"stockhold/internal/bench/proc"
	"stockhold/internal/bench/report"
	"stockhold/internal/bench/stage"
	"stockhold/internal/bench/workload"
)

// live is a system that is up, with the client's connections to it and with
// everything that it has answered so far.
type live struct {
	*stage.System
	clients  []workload.Client
	hangUp   func()
	answered load.Tally
}

// group starts a group's systems, measures its cells round by round, and stops
// the systems.
func (r *runner) group(ctx context.Context, g group) (err error) {
	r.progress.begin("starting " + g.title)
	systems, err := r.start(ctx, g)
	defer func() { err = errors.Join(err, stop(systems)) }()
	if err != nil {
		return err
	}
	r.report.Groups = append(r.report.Groups, report.Group{Name: g.name, Title: g.title, Notes: g.notes})
	first := len(r.report.Cells)
	for _, c := range g.cells {
		made := report.Cell{Group: g.name, System: c.system, Workload: c.load.Name, About: c.load.About, Figure: string(figure(c, systems[c.system])), Callers: c.callers}
		if c.half {
			if made.Offered, err = r.half(ctx, c, systems[c.system]); err != nil {
				return err
			}
		}
		r.report.Cells = append(r.report.Cells, made)
	}
	for round := range g.rounds {
		order := make([]int, len(g.cells))
		for i := range order {
			order[i] = i
		}
		if round%2 == 1 {
			slices.Reverse(order) // there and back
		}
		for _, i := range order {
			into := &r.report.Cells[first+i]
			measured, err := r.measure(ctx, g.cells[i], systems[g.cells[i].system], into.Offered, fmt.Sprintf("%s-%d", g.name, round+1))
			if err != nil {
				return err
			}
			into.Rounds = append(into.Rounds, measured)
			r.progress.step()
		}
	}
	return r.audit(ctx, systems)
}

// start starts the systems side by side.
func (r *runner) start(ctx context.Context, g group) (map[string]*live, error) {
	systems := make(map[string]*live, len(g.systems))
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for _, c := range g.systems {
		group.Go(func() error {
			system, err := c.start(ctx, r.stage)
			if err != nil {
				return fmt.Errorf("start %s: %w", c.name, err)
			}
			l := &live{System: system}
			l.clients, l.hangUp = workload.Dial(system.URLs, r.opts.Connections, r.opts.GRPC)
			mu.Lock()
			defer mu.Unlock()
			systems[c.name] = l
			return nil
		})
	}
	return systems, group.Wait()
}

func stop(systems map[string]*live) error {
	var group errgroup.Group
	for _, l := range systems {
		group.Go(func() error {
			l.hangUp()
			return l.Close()
		})
	}
	return group.Wait()
}

// audit lets stockhold's own audit judge what it keeps, where that is quick: the
// rows of a grown ledger are counted anyway.
func (r *runner) audit(ctx context.Context, systems map[string]*live) error {
	for name, l := range systems {
		flags := l.AuditFlags()
		if flags == nil {
			continue
		}
		if _, err := r.stage.Command(ctx, append([]string{"audit"}, flags...)...); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r.problem("audit of "+name, err)
		}
	}
	return nil
}

// half is half of the system's best rate of calls. Where the group that finds it
// was left out, one closed loop stands in for it.
func (r *runner) half(ctx context.Context, c cell, l *live) (float64, error) {
	if best := r.report.Best(report.GroupTry, c.system); best > 0 {
		return best / 2, nil
	}
	c.callers, c.half = 128, false
	found, err := r.measure(ctx, c, l, 0, "best rate")
	if err == nil && found.Rate == 0 {
		err = fmt.Errorf("%s answers nothing: it has no best rate", c.system)
	}
	return found.Rate / 2, err
}

// openFactor is how much longer an open loop is measured: its tail is the point.
const openFactor = 2

// measure runs one cell once and checks what it left in the books.
func (r *runner) measure(ctx context.Context, c cell, l *live, offered float64, label string) (report.Round, error) {
	r.progress.begin(title(c))
	quiet()
	r.cells++
	callers := c.load.Callers(c.callers, l.clients, r.opts.Seed, r.cells)
	meter := &meter{processes: map[string][]int{"client": {os.Getpid()}, "service": l.Pids}}
	if l.Stores {
		meter.processes["mariadb"], meter.processes["redis"] = []int{r.stage.MariaDBPid()}, []int{r.stage.RedisPid()}
	}
	window := load.Window{Warm: r.scale.warm, Measure: r.scale.measure, Opens: meter.open, Closes: meter.close}
	taken := r.profile(ctx, l, label+"-"+title(c))
	var result load.Result
	if c.half {
		window.Measure *= openFactor
		result = load.Open(ctx, callers, offered, window)
	} else {
		result = load.Closed(ctx, callers, window)
	}
	if err := errors.Join(ctx.Err(), taken(), meter.err); err != nil {
		return report.Round{}, err
	}
	l.answered = l.answered.Plus(result.All)
	if err := l.Check(ctx, l.answered); err != nil {
		r.problem(title(c), err)
	}
	r.suspect(c, l, result)
	return round(c, l, result, meter), pause(ctx, r.scale.rest)
}

// suspect notes answers that the workload does not provide for.
func (r *runner) suspect(c cell, l *live, result load.Result) {
	if result.Failure != nil {
		r.problem(title(c), fmt.Errorf("%d of %d calls failed, the first with: %w", result.All.Failed, result.All.Calls, result.Failure))
	}
	if c.load.Figure != workload.Refusals && result.All.Refused > 0 {
		r.problem(title(c), fmt.Errorf("%d calls were refused, and there is stock for all", result.All.Refused))
	}
	if figure(c, l).Of(result.Measured) == 0 {
		r.problem(title(c), errors.New("nothing was done"))
	}
}

// figure is what counts; the ceiling refuses nothing, and what it answers counts.
func figure(c cell, l *live) workload.Figure {
	if l.Ceiling && c.load.Figure == workload.Refusals {
		return workload.Held
	}
	return c.load.Figure
}

func round(c cell, l *live, result load.Result, m *meter) report.Round {
	operations := float64(figure(c, l).Of(result.Measured))
	seconds := result.Elapsed.Seconds()
	made := report.Round{
		Rate: operations / seconds, Refused: float64(result.Measured.Refused) / seconds,
		Latency: result.Latency, Tally: result.Measured,
		CPU: map[string]float64{}, RSS: map[string]float64{},
	}
	for process, before := range m.before {
		after := m.after[process]
		if operations > 0 {
			made.CPU[process] = (after.CPUSeconds - before.CPUSeconds) / operations * 1e6
		}
		made.RSS[process] = float64(after.RSSBytes) / (1 << 20)
	}
	return made
}

// meter reads what processes cost between the opening and the end of a window.
type meter struct {
	processes map[string][]int
	before    map[string]proc.Usage
	after     map[string]proc.Usage
	err       error
}

func (m *meter) open()  { m.before = m.read() }
func (m *meter) close() { m.after = m.read() }

func (m *meter) read() map[string]proc.Usage {
	usage := make(map[string]proc.Usage, len(m.processes))
	for process, pids := range m.processes {
		var err error
		usage[process], err = proc.UsageOf(pids...)
		m.err = errors.Join(m.err, err)
	}
	return usage
}
