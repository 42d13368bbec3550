package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The groups that ratios are taken from, and the systems in them that are
// stockhold in another shape.
const (
	GroupTry       = "try"
	GroupHot       = "hot"
	GroupCycles    = "cycles"
	GroupBatch     = "batch"
	GroupRefused   = "refused"
	GroupProcesses = "processes"
	GroupGrown     = "grown"
	GroupLatency   = "latency"

	OursTwice    = "stockhold ×2"
	OursGrown    = "stockhold (grown)"
	OursManySKUs = "stockhold (many skus)"
	SweepPolicy  = "policy, all at once"

	noop      = "noop"
	luaInsert = "lua-insert"
	batch100  = "batch-100"
	try1000   = "try-1000-skus"
)

// Goal is a ratio, and what it has to reach.
type Goal struct {
	Key     string  `json:"key"`
	Figure  string  `json:"figure"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit,omitempty"`
	Goal    float64 `json:"goal"`
	AtMost  bool    `json:"at_most"` // otherwise: at least
	Found   bool    `json:"measured"`
	Reached bool    `json:"reached"`
}

var goals = []Goal{
	{Key: "try_over_noop", Figure: "durable unary Try, 1,000 skus, over noop", Goal: 0.55},
	{Key: "try_over_sql", Figure: "the same over the best SQL peer", Goal: 4},
	{Key: "hot_over_sql", Figure: "hot sku over the best SQL peer", Goal: 10},
	{Key: "try_over_lua_insert", Figure: "unary Try over lua-insert", Goal: 3},
	{Key: "batch_over_noop", Figure: "BatchTry of 100, durable reservations, over unary noop calls", Goal: 1.5},
	{Key: "refused_over_noop", Figure: "refused Try (sold out, answer checked against the ledger) over noop", Goal: 0.65},
	{Key: "cycles_over_sql", Figure: "full cycles (Try and Confirm) over the best SQL peer's", Goal: 3},
	{Key: "grown_over_empty", Figure: "a grown ledger over an empty one; many skus over 1,000: the lower of the two", Goal: 0.85},
	{Key: "p99_half_ms", Figure: "p99 at half of the best rate, open loop", Unit: "ms", Goal: 15, AtMost: true},
	{Key: "sweep_per_s", Figure: "sweeper, overdue holds a second by policy", Unit: "/s", Goal: 15000},
	{Key: "two_over_one", Figure: "two processes over one", Goal: 1},
}

func judge(ratios map[string]float64) []Goal {
	judged := slices.Clone(goals)
	for i := range judged {
		g := &judged[i]
		if g.Value, g.Found = ratios[g.Key]; !g.Found {
			continue
		}
		g.Reached = g.Value >= g.Goal
		if g.AtMost {
			g.Reached = g.Value <= g.Goal
		}
	}
	return judged
}

// ratios are those whose cells were measured. A system is taken at the number of
// callers that suits it best, and the ratio is the median of the rounds' ratios:
// in each round both were measured shortly after each other.
func (r *Report) ratios() map[string]float64 {
	found := map[string]float64{}
	put := func(key string, over, under []Cell) {
		if value, ok := ratio(over, under); ok {
			found[key] = value
		}
	}
	put("try_over_noop", r.in(GroupTry, Ours), r.in(GroupTry, noop))
	put("try_over_sql", r.in(GroupTry, Ours), r.sqlPeers(GroupTry))
	put("hot_over_sql", r.in(GroupHot, Ours), r.sqlPeers(GroupHot))
	put("try_over_lua_insert", r.in(GroupTry, Ours), r.in(GroupTry, luaInsert))
	put("batch_over_noop", of(batch100, r.in(GroupBatch, Ours)), r.in(GroupBatch, noop))
	put("refused_over_noop", r.in(GroupRefused, Ours), r.in(GroupRefused, noop))
	put("cycles_over_sql", r.in(GroupCycles, Ours), r.sqlPeers(GroupCycles))
	put("two_over_one", of(try1000, r.in(GroupProcesses, OursTwice)), of(try1000, r.in(GroupProcesses, Ours)))
	rows, ok := ratio(r.in(GroupGrown, OursGrown), r.in(GroupGrown, Ours))
	skus, okToo := ratio(r.in(GroupGrown, OursManySKUs), r.in(GroupGrown, Ours))
	if ok && okToo {
		found["grown_over_empty"] = min(rows, skus)
	}
	for _, c := range r.Cells {
		if c.Group == GroupLatency && c.System == Ours && c.Offered > 0 {
			found["p99_half_ms"] = c.Median.Latency.P99
		}
	}
	var sweeps []float64
	for _, sweep := range r.Sweeps {
		if sweep.Name == SweepPolicy {
			sweeps = append(sweeps, sweep.PerSecond)
		}
	}
	if len(sweeps) > 0 {
		found["sweep_per_s"] = middle(sweeps)
	}
	return found
}

// sqlPeers are the cells of all SQL peers: the best of them is the best peer's.
func (r *Report) sqlPeers(group string) []Cell {
	var cells []Cell
	for _, s := range r.Systems {
		if s.SQL {
			cells = append(cells, r.in(group, s.Name)...)
		}
	}
	return cells
}

func of(workload string, cells []Cell) []Cell {
	return slices.DeleteFunc(cells, func(c Cell) bool { return c.Workload != workload })
}

// ratio compares the best cell of either side, round by round.
func ratio(over, under []Cell) (float64, bool) {
	a, ok := best(over)
	b, okToo := best(under)
	if !ok || !okToo {
		return 0, false
	}
	var ratios []float64
	for i := range min(len(a.Rounds), len(b.Rounds)) {
		if b.Rounds[i].Rate > 0 {
			ratios = append(ratios, a.Rounds[i].Rate/b.Rounds[i].Rate)
		}
	}
	value := middle(ratios)
	return value, len(ratios) > 0 && !math.IsNaN(value)
}

// Missed counts the goals that were measured and not reached.
func (r *Report) Missed() int {
	missed := 0
	for _, g := range r.Goals {
		if g.Found && !g.Reached {
			missed++
		}
	}
	return missed
}

// Summary is the goals, for a terminal.
func (r *Report) Summary() string {
	var text strings.Builder
	for _, g := range r.Goals {
		word := "–"
		if g.Found {
			word = "missed"
			if g.Reached {
				word = "reached"
			}
		}
		fmt.Fprintf(&text, "%-20s %10.3f  goal %8g  %s\n", g.Key, g.Value, g.Goal, word)
	}
	return text.String()
}
