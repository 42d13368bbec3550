// Package report is what a run came to: its figures, the ratios that matter, and
// the files that show them.
package report

import (
	"cmp"
	"slices"
	"time"

	"stockhold/internal/bench/limits"
	"stockhold/internal/bench/load"
	"stockhold/internal/bench/proc"
	"stockhold/internal/bench/stage"
	"stockhold/internal/bench/sweeping"
)

// Ours is how stockhold is called among the systems.
const Ours = "stockhold"

// Report is everything that was measured, and on what.
type Report struct {
	Quick    bool               `json:"quick"`
	Started  time.Time          `json:"started"`
	Seconds  float64            `json:"seconds"`
	Machine  proc.Machine       `json:"machine"`
	Version  string             `json:"stockhold"`
	Settings []stage.Setting    `json:"settings"` // read back from the servers
	Conduct  Conduct            `json:"conduct"`
	Systems  []System           `json:"systems"`
	Groups   []Group            `json:"groups"`
	Cells    []Cell             `json:"cells"`
	Sweeps   []sweeping.Result  `json:"sweeps,omitempty"`
	Limits   []limits.Result    `json:"limits,omitempty"`
	Ratios   map[string]float64 `json:"ratios"`
	Goals    []Goal             `json:"goals"`
	Problems []string           `json:"problems"` // why the run is not to be believed; empty: none
}

// Conduct is how the run was made.
type Conduct struct {
	Rounds        int     `json:"rounds"`
	WarmSeconds   float64 `json:"warm_s"`    // per cell and round, not counted
	Seconds       float64 `json:"measure_s"` // per cell and round
	Connections   int     `json:"connections"`
	Protocol      string  `json:"protocol"`
	Seed          uint64  `json:"seed"`
	GrownRows     int     `json:"grown_reservations"`
	GrownSKUs     int     `json:"grown_skus"`
	OverdueHolds  int     `json:"overdue_holds"`
	Profiled      bool    `json:"profiled"`
	BufferPoolMiB int     `json:"buffer_pool_mib"`
}

// System is one that was measured.
type System struct {
	Name    string `json:"name"`
	Source  string `json:"source"`
	SQL     bool   `json:"sql_peer"`
	Ceiling bool   `json:"ceiling"`
}

// Group is a set of cells that were measured in turns.
type Group struct {
	Name  string   `json:"name"`
	Title string   `json:"title"`
	Notes []string `json:"notes,omitempty"`
}

// Cell is one system under one load.
type Cell struct {
	Group    string  `json:"group"`
	System   string  `json:"system"`
	Workload string  `json:"workload"`
	About    string  `json:"about"`
	Figure   string  `json:"figure"` // what the rates count
	Callers  int     `json:"callers"`
	Offered  float64 `json:"offered_per_s,omitempty"` // open loop: the fixed rate of calls; 0: closed loop
	Rounds   []Round `json:"rounds"`
	Median   Round   `json:"median"` // of each figure over the rounds
}

// Round is one time that a cell was measured.
type Round struct {
	Rate    float64            `json:"per_s"` // operations, as the cell's figure says
	Refused float64            `json:"refused_per_s"`
	Latency load.Latency       `json:"latency"`
	Tally   load.Tally         `json:"answers"`
	CPU     map[string]float64 `json:"cpu_us_per_op"` // by process
	RSS     map[string]float64 `json:"rss_mib"`       // by process, at the end
}

// Finish fills in the medians, the ratios and the goals.
func (r *Report) Finish() {
	for i := range r.Cells {
		r.Cells[i].Median = median(r.Cells[i].Rounds)
	}
	r.Ratios = r.ratios()
	r.Goals = judge(r.Ratios)
}

func median(rounds []Round) Round {
	of := func(figure func(Round) float64) float64 {
		values := make([]float64, len(rounds))
		for i, round := range rounds {
			values[i] = figure(round)
		}
		return middle(values)
	}
	m := Round{
		Rate:    of(func(r Round) float64 { return r.Rate }),
		Refused: of(func(r Round) float64 { return r.Refused }),
		Latency: load.Latency{
			P50:  of(func(r Round) float64 { return r.Latency.P50 }),
			P99:  of(func(r Round) float64 { return r.Latency.P99 }),
			P999: of(func(r Round) float64 { return r.Latency.P999 }),
			Max:  of(func(r Round) float64 { return r.Latency.Max }),
		},
		CPU: map[string]float64{}, RSS: map[string]float64{},
	}
	for _, round := range rounds {
		m.Tally = m.Tally.Plus(round.Tally)
		for process := range round.CPU {
			m.CPU[process] = of(func(r Round) float64 { return r.CPU[process] })
			m.RSS[process] = of(func(r Round) float64 { return r.RSS[process] })
		}
	}
	return m
}

// middle is the median; of an even number, the mean of the two in the middle.
func middle(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// in lists the closed-loop cells of a group, and of a system if named.
func (r *Report) in(group, system string) []Cell {
	var cells []Cell
	for _, c := range r.Cells {
		if c.Group == group && c.Offered == 0 && (system == "" || c.System == system) {
			cells = append(cells, c)
		}
	}
	return cells
}

// best is the cell with the highest rate in the median of its rounds.
func best(cells []Cell) (Cell, bool) {
	if len(cells) == 0 {
		return Cell{}, false
	}
	return slices.MaxFunc(cells, func(a, b Cell) int { return cmp.Compare(a.Median.Rate, b.Median.Rate) }), true
}

// Best is the highest median rate of a system in a group's closed loops, 0 when
// it was not measured. Before Finish it looks at the rounds there are.
func (r *Report) Best(group, system string) float64 {
	highest := 0.0
	for _, c := range r.in(group, system) {
		highest = max(highest, median(c.Rounds).Rate)
	}
	return highest
}
