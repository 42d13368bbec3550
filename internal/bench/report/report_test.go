package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/bench/load"
	"stockhold/internal/bench/stage"
	"stockhold/internal/bench/sweeping"
)

// measured makes a cell with one rate per round.
func measured(group, system, workload string, callers int, rates ...float64) Cell {
	c := Cell{Group: group, System: system, Workload: workload, Callers: callers}
	for _, rate := range rates {
		c.Rounds = append(c.Rounds, Round{Rate: rate, CPU: map[string]float64{"service": 10}, RSS: map[string]float64{"service": 20}})
	}
	return c
}

func example() *Report {
	r := &Report{
		Systems: []System{{Name: "noop", Ceiling: true}, {Name: "for-update", SQL: true}, {Name: "unit-rows", SQL: true}, {Name: "lua-insert"}},
		Groups:  []Group{{Name: GroupTry, Title: "Try"}, {Name: GroupLatency, Title: "Latency"}},
		Cells: []Cell{
			measured(GroupTry, "noop", try1000, 16, 9000, 9000, 9000),
			measured(GroupTry, "noop", try1000, 128, 10000, 20000, 12000),
			measured(GroupTry, "for-update", try1000, 16, 1000, 1000, 1000),
			measured(GroupTry, "unit-rows", try1000, 16, 900, 2000, 2000),
			measured(GroupTry, "lua-insert", try1000, 16, 2500, 2500, 2500),
			measured(GroupTry, Ours, try1000, 16, 100, 100, 100),
			measured(GroupTry, Ours, try1000, 512, 6000, 10000, 9000),
			measured(GroupBatch, "noop", try1000, 128, 10000),
			measured(GroupBatch, Ours, "batch-10", 16, 90000),
			measured(GroupBatch, Ours, batch100, 16, 16000),
			measured(GroupGrown, Ours, try1000, 128, 10000),
			measured(GroupGrown, OursGrown, try1000, 128, 9000),
			measured(GroupGrown, OursManySKUs, "try-1000000-skus", 128, 8000),
			measured(GroupProcesses, Ours, try1000, 128, 10000),
			measured(GroupProcesses, Ours, "hot-sku", 128, 50000),
			measured(GroupProcesses, OursTwice, try1000, 128, 11000),
		},
		Sweeps:   []sweeping.Result{{Name: SweepPolicy, PerSecond: 10000}, {Name: SweepPolicy, PerSecond: 20000}, {Name: "other", PerSecond: 1}},
		Settings: []stage.Setting{{Server: "MariaDB", Name: "sync_binlog", Value: "1"}},
	}
	open := measured(GroupLatency, Ours, try1000, 512, 4500, 4500, 4500)
	open.Offered = 4500
	for i, p99 := range []float64{12, 30, 14} {
		open.Rounds[i].Latency = load.Latency{P99: p99}
	}
	r.Cells = append(r.Cells, open)
	return r
}

func TestRatiosAreMediansOfRounds(t *testing.T) {
	r := example()
	r.Finish()
	require.InDeltaMapValues(t, map[string]float64{
		"try_over_noop":       0.6, // of 0.6, 0.5 and 0.75, each at 128 and 512 callers
		"try_over_sql":        5,   // unit-rows is the best by its median; of 6.67, 5 and 4.5
		"try_over_lua_insert": 3.6,
		"batch_over_noop":     1.6,
		"grown_over_empty":    0.8,
		"two_over_one":        1.1,
		"p99_half_ms":         14,
		"sweep_per_s":         15000,
	}, r.Ratios, 1e-9)
	require.Equal(t, 10000.0, r.Best(GroupTry, Ours)+1000, "9,000 in the median")

	reached := map[string]bool{}
	for _, g := range r.Goals {
		if g.Found {
			reached[g.Key] = g.Reached
		}
	}
	require.Equal(t, map[string]bool{
		"try_over_noop": true, "try_over_sql": true, "try_over_lua_insert": true, "batch_over_noop": true,
		"grown_over_empty": false, "two_over_one": true, "p99_half_ms": true, "sweep_per_s": true,
	}, reached)
	require.Equal(t, 1, r.Missed())
}

func TestWhatWasNotMeasuredIsNoRatio(t *testing.T) {
	r := &Report{}
	r.Finish()
	require.Empty(t, r.Ratios)
	require.Zero(t, r.Missed())
	require.Contains(t, r.markdown(nil), "not measured")
	require.Len(t, r.Goals, 11)
}

func TestMiddle(t *testing.T) {
	require.Equal(t, []float64{0, 7, 2, 2.5}, []float64{middle(nil), middle([]float64{7}), middle([]float64{9, 1, 2}), middle([]float64{4, 1, 2, 3})})
}

func TestWrite(t *testing.T) {
	r := example()
	r.Finish()
	folder := filepath.Join(t.TempDir(), "new")
	require.NoError(t, r.Write(folder))

	text, err := os.ReadFile(filepath.Join(folder, MarkdownFile))
	require.NoError(t, err)
	page := string(text)
	for _, want := range []string{
		"| durable unary Try, 1,000 skus, over noop | `try_over_noop` | at least 0.55 | 0.60 | yes |",
		"| p99 at half of the best rate, open loop | `p99_half_ms` | at most 15 ms | 14.0 ms | yes |",
		"| sweeper, overdue holds a second by policy | `sweep_per_s` | at least 15,000/s | 15,000/s | yes |",
		"| full cycles (Try and Confirm) over the best SQL peer's | `cycles_over_sql` | at least 3 | not measured |  |",
		"| MariaDB | `sync_binlog` | `1` |",
		"| stockhold | try-1000-skus | open, 4,500/s |",
		"all of them agreed",
	} {
		require.Contains(t, page, want)
	}
	for _, line := range strings.Split(page, "\n") {
		_, rest, ok := strings.Cut(line, "](")
		if file, _, closed := strings.Cut(rest, ")"); ok && closed {
			require.FileExists(t, filepath.Join(folder, file), "the page shows it")
		}
	}

	text, err = os.ReadFile(filepath.Join(folder, JSONFile))
	require.NoError(t, err)
	var read Report
	require.NoError(t, json.Unmarshal(text, &read))
	require.Equal(t, r.Ratios, read.Ratios)
	require.Equal(t, r.Cells, read.Cells)
}

func TestProblemsComeFirst(t *testing.T) {
	r := &Report{Problems: []string{"rows are missing"}}
	page := r.markdown(nil)
	require.Less(t, strings.Index(page, "rows are missing"), strings.Index(page, "## "))
	require.NotContains(t, page, "agreed")
}
