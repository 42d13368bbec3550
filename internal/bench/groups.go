package bench

import (
	"context"
	"fmt"
	"time"

	"stockhold/internal/bench/peers"
	"stockhold/internal/bench/report"
	"stockhold/internal/bench/stage"
	"stockhold/internal/bench/workload"
)

// group is a set of cells that are measured in turns: round by round, each cell
// once. What it compares is up at the same time; only one is under load.
type group struct {
	name    string
	title   string
	notes   []string
	systems []contender
	cells   []cell
	rounds  int
}

// contender is a system that a group needs.
type contender struct {
	name  string
	start func(ctx context.Context, s *stage.Stage) (*stage.System, error)
}

// cell is one system under one load.
type cell struct {
	system  string
	load    workload.Workload
	callers int
	half    bool // open loop, at half of the system's best rate
}

// wide are numbers of callers that find the ceiling.
var wide = []int{128, 512}

// skus is the width of the ordinary workload.
const skus = 1000

// unitsPerSecond is more than any peer with a row per unit holds in a second:
// what its stock is made for.
const unitsPerSecond = 10_000

// planner makes the groups.
type planner struct {
	scale
	opts  Options
	grown *stage.Past
}

func (p *planner) groups(baskets workload.Workload) []group {
	singles, hot := workload.Singles(skus), workload.Hot()
	all := []string{"noop", "for-update", "conditional-update", "unit-rows", "lua-insert"}
	return []group{
		p.compare(report.GroupTry, "Try, 1,000 skus", all, p.levels, p.peerLevels, singles),
		p.compare(report.GroupHot, "Try, one hot sku", all[1:], p.levels, p.peerLevels, hot),
		p.compare(report.GroupCycles, "Full cycles: Try and Confirm", all[1:], p.levels, p.peerLevels, workload.Cycles(skus)),
		p.baskets(baskets),
		p.compare(report.GroupRefused, "98 % refused: sold out", []string{"noop", "for-update", "conditional-update", "lua-insert"}, wide, p.few, workload.Refused()),
		p.compare("duplicates", "5 % duplicates", []string{"for-update", "conditional-update", "lua-insert"}, p.some, p.few, workload.Duplicates(skus)),
		p.batches(),
		p.processes(singles, hot),
		p.grownUp(),
		p.embedded(singles),
		p.latency(singles),
	}
}

// compare runs stockhold and peers under one workload.
func (p *planner) compare(name, title string, peerNames []string, levels, peerLevels []int, w workload.Workload) group {
	g := group{name: name, title: title, rounds: p.rounds}
	add := func(system string, levels []int) {
		for _, callers := range p.callers(levels) {
			g.cells = append(g.cells, cell{system: system, load: w, callers: callers})
		}
	}
	for _, peerName := range peerNames {
		peer, err := peers.Find(peerName)
		if err != nil {
			panic(err) // the names above are not the peers'
		}
		if peer.Ceiling {
			add(peer.Name, levels)
		} else {
			add(peer.Name, peerLevels)
		}
		g.systems = append(g.systems, p.peer(peer, w, len(peerLevels)))
	}
	g.systems = append(g.systems, ours(report.Ours, stage.Shape{Stock: w.Stock}))
	add(report.Ours, levels)
	return g
}

func (p *planner) callers(levels []int) []int {
	if len(p.opts.Callers) > 0 {
		return p.opts.Callers
	}
	return levels
}

func (p *planner) peer(peer peers.Peer, w workload.Workload, cells int) contender {
	stock := w.Stock
	if peer.Units {
		seconds := float64(cells*p.rounds) * (p.warm + p.measure + time.Second).Seconds()
		stock = workload.Units(stock, int64(seconds*unitsPerSecond)/int64(len(stock))+500)
	}
	return contender{peer.Name, func(ctx context.Context, s *stage.Stage) (*stage.System, error) { return s.Peer(ctx, peer, stock) }}
}

func ours(name string, shape stage.Shape) contender {
	return contender{name, func(ctx context.Context, s *stage.Stage) (*stage.System, error) { return s.Ours(ctx, name, shape) }}
}

func (p *planner) baskets(w workload.Workload) group {
	g := p.compare("baskets", "Whole orders", []string{"noop", "for-update", "conditional-update", "lua-insert"}, p.some, p.few, w)
	g.notes = []string{w.About, "unit-rows is left out: it would need a row for every unit of orders of thousands."}
	return g
}

func (p *planner) batches() group {
	g := p.compare(report.GroupBatch, "BatchTry of 1, 10 and 100 against single calls", []string{"noop"}, wide, nil, workload.Singles(skus))
	for _, size := range []int{1, 10, 100} {
		for _, callers := range p.callers(p.batchers) {
			g.cells = append(g.cells, cell{system: report.Ours, load: workload.Batches(skus, size), callers: callers})
		}
	}
	g.notes = []string{"Rates are reservations a second, whatever the size of a call."}
	return g
}

func (p *planner) processes(singles, hot workload.Workload) group {
	g := group{name: report.GroupProcesses, title: "One and two processes", rounds: p.rounds,
		notes: []string{"Two processes have twice the callers, as a shop has that needs them: as many for each as the one has. All share the two stores and the machine, so that there is little to win; " +
			"what the comparison shows is whether processes that lock the same rows get into each other's way."}}
	for i, name := range []string{report.Ours, report.OursTwice} {
		g.systems = append(g.systems, ours(name, stage.Shape{Stock: singles.Stock, Processes: i + 1}))
		for _, w := range []workload.Workload{singles, hot} { // the hot sku is one of the 1,000
			for _, callers := range p.callers(p.few) {
				g.cells = append(g.cells, cell{system: name, load: w, callers: callers * (i + 1)})
			}
		}
	}
	return g
}

func (p *planner) grownUp() group {
	few, many := workload.Singles(skus), workload.Singles(p.grownSKUs)
	g := group{name: report.GroupGrown, title: "A grown ledger", rounds: p.rounds, systems: []contender{
		ours(report.Ours, stage.Shape{Stock: few.Stock}),
		ours(report.OursGrown, stage.Shape{Stock: few.Stock, Past: p.grown}),
		ours(report.OursManySKUs, stage.Shape{Stock: many.Stock}),
	}}
	for _, callers := range p.callers(p.some) {
		g.cells = append(g.cells,
			cell{system: report.Ours, load: few, callers: callers},
			cell{system: report.OursGrown, load: few, callers: callers},
			cell{system: report.OursManySKUs, load: many, callers: callers})
	}
	g.notes = []string{fmt.Sprintf("%q holds %d reservations of the last 20 days before the first call, %q has %d skus, and no reservations.",
		report.OursGrown, p.grownRows, report.OursManySKUs, p.grownSKUs)}
	return g
}

func (p *planner) embedded(w workload.Workload) group {
	const name = "stockhold (embedded)"
	g := group{name: "embedded", title: "Without any configuration: the embedded ledger and gate", rounds: p.rounds,
		notes: []string{"A SQLite file in WAL mode with synchronous=FULL: a commit is on disk before it is answered."},
		systems: []contender{{name, func(ctx context.Context, s *stage.Stage) (*stage.System, error) {
			return s.Embedded(ctx, name, w.Stock)
		}}}}
	for _, callers := range p.callers(p.few) {
		g.cells = append(g.cells, cell{system: name, load: w, callers: callers})
	}
	return g
}

// openCallers is the most calls in flight in the open loop.
const openCallers = 512

func (p *planner) latency(w workload.Workload) group {
	g := p.compare(report.GroupLatency, "Latency at half of the best rate, open loop", []string{"noop", "for-update", "conditional-update", "unit-rows", "lua-insert"}, nil, nil, w)
	g.cells = nil
	for _, system := range g.systems {
		g.cells = append(g.cells, cell{system: system.name, load: w, callers: openCallers, half: true})
	}
	g.notes = []string{"Calls come at a fixed rate, fixed beforehand: half of the system's own best rate in the closed loop. Latency counts from when a call was due."}
	return g
}
