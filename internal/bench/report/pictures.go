package report

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"stockhold/internal/bench/chart"
)

// picture is a file that belongs to a group.
type picture struct {
	group string
	file  string
	about string
	svg   string
}

// processes are those whose CPU is told apart, in the order of the stack.
var processes = []string{"service", "mariadb", "redis", "client"}

func (r *Report) pictures() []picture {
	var all []picture
	add := func(group, file, about, svg string) {
		all = append(all, picture{group, "bench-" + file + ".svg", about, svg})
	}
	for _, g := range []struct{ name, title string }{
		{GroupTry, "Durable Trys a second, 1,000 skus"},
		{GroupHot, "Durable Trys a second, one hot sku"},
		{GroupCycles, "Full cycles a second: Try and Confirm"},
	} {
		if cells := r.in(g.name, ""); len(cells) > 0 {
			add(g.name, g.name, g.title+", each system at its best number of callers", r.bestBars(g.name, g.title))
		}
	}
	if cells := r.in(GroupTry, ""); len(cells) > 0 {
		add(GroupTry, "callers", "Durable Trys a second by callers in a closed loop", r.overCallers(GroupTry))
		add(GroupTry, "cpu", "CPU time of one Try by process, each system at its best number of callers", r.cpuBars(GroupTry))
	}
	if open := r.open(); len(open) > 0 {
		add(GroupLatency, "latency", "Latency at half of each system's best rate, open loop", latencyBars(open))
	}
	return all
}

// inOrder lists the systems of a group in the order of their cells.
func (r *Report) inOrder(group string) []string {
	var names []string
	for _, c := range r.Cells {
		if c.Group == group && !slices.Contains(names, c.System) {
			names = append(names, c.System)
		}
	}
	return names
}

func (r *Report) bestBars(group, title string) string {
	bars := chart.Bars{Title: title, Unit: "per second, more is better"}
	for _, name := range r.inOrder(group) {
		if c, ok := best(r.in(group, name)); ok {
			bars.Rows = append(bars.Rows, chart.Bar{Label: name, Values: []float64{c.Median.Rate}})
		}
	}
	slices.SortStableFunc(bars.Rows, func(a, b chart.Bar) int { return cmp.Compare(b.Values[0], a.Values[0]) })
	return bars.SVG()
}

func (r *Report) overCallers(group string) string {
	var callers []int
	for _, c := range r.in(group, "") {
		callers = append(callers, c.Callers)
	}
	slices.Sort(callers)
	callers = slices.Compact(callers)
	lines := chart.Lines{Title: "Durable Trys a second by callers, 1,000 skus", Unit: "per second", Axis: "callers in a closed loop"}
	for _, n := range callers {
		lines.Marks = append(lines.Marks, strconv.Itoa(n))
	}
	for _, name := range r.inOrder(group) {
		line := chart.Line{Name: name, Values: make([]float64, len(callers))}
		for i := range line.Values {
			line.Values[i] = math.NaN()
		}
		for _, c := range r.in(group, name) {
			line.Values[slices.Index(callers, c.Callers)] = c.Median.Rate
		}
		lines.Lines = append(lines.Lines, line)
	}
	return lines.SVG()
}

func (r *Report) cpuBars(group string) string {
	bars := chart.Bars{Title: "CPU time of one Try by process", Unit: "µs, less is better", Series: processes, Stacked: true}
	for _, name := range r.inOrder(group) {
		c, ok := best(r.in(group, name))
		if !ok {
			continue
		}
		row := chart.Bar{Label: name}
		for _, process := range processes {
			row.Values = append(row.Values, c.Median.CPU[process])
		}
		bars.Rows = append(bars.Rows, row)
	}
	return bars.SVG()
}

func (r *Report) open() []Cell {
	var cells []Cell
	for _, c := range r.Cells {
		if c.Offered > 0 {
			cells = append(cells, c)
		}
	}
	return cells
}

func latencyBars(cells []Cell) string {
	bars := chart.Bars{Title: "Latency at half of the best rate", Unit: "ms, less is better", Series: []string{"p50", "p99", "p99.9"}}
	for _, c := range cells {
		l := c.Median.Latency
		bars.Rows = append(bars.Rows, chart.Bar{Label: c.System, Values: []float64{l.P50, l.P99, l.P999}})
	}
	return bars.SVG()
}
