package report

import (
	"fmt"
	"strconv"

	"stockhold/internal/bench/chart"
)

func (r *Report) writeGroup(p *page, g Group, pictures []picture) {
	p.line("\n## %s", g.Title)
	for _, note := range g.Notes {
		p.line("\n%s", note)
	}
	for _, picture := range pictures {
		if picture.group == g.Name {
			p.line("\n![%s](%s)", picture.about, picture.file)
		}
	}
	var rows [][]string
	for _, c := range r.Cells {
		if c.Group == g.Name {
			rows = append(rows, cellRow(c))
		}
	}
	p.table([]string{"system", "workload", ">callers", ">per second", ">refused/s", ">p50 ms", ">p99 ms", ">p99.9 ms",
		">CPU µs: service", ">MariaDB", ">Redis", ">client", ">RSS MiB: service", ">MariaDB", ">Redis"}, rows)
}

func cellRow(c Cell) []string {
	m := c.Median
	callers := strconv.Itoa(c.Callers)
	if c.Offered > 0 {
		callers = fmt.Sprintf("open, %s/s", chart.Number(c.Offered))
	}
	row := []string{c.System, c.Workload, callers, chart.Number(m.Rate), orDash(m.Refused),
		chart.Number(m.Latency.P50), chart.Number(m.Latency.P99), chart.Number(m.Latency.P999)}
	for _, process := range processes {
		row = append(row, orDash(m.CPU[process]))
	}
	for _, process := range processes[:3] {
		row = append(row, orDash(m.RSS[process]))
	}
	return row
}

func orDash(v float64) string {
	if v == 0 {
		return "–"
	}
	return chart.Number(v)
}

func (r *Report) writeSweeps(p *page) {
	if len(r.Sweeps) == 0 {
		return
	}
	p.line("\n## The sweeper")
	p.line("\nEvery hold was checked afterwards: its state, when it was resolved, and the units of the stock rows.")
	var rows [][]string
	for _, s := range r.Sweeps {
		rows = append(rows, []string{s.About, chart.Number(float64(s.Holds)), orDash(s.PerSecond), chart.Number(s.P50), chart.Number(s.P99), chart.Number(s.Max)})
	}
	p.table([]string{"how", ">holds", ">holds/s", ">due to resolved: p50 ms", ">p99 ms", ">most ms"}, rows)
}

func (r *Report) writeLimits(p *page) {
	if len(r.Limits) == 0 {
		return
	}
	p.line("\n## The stores alone")
	var rows [][]string
	for _, l := range r.Limits {
		rows = append(rows, []string{l.About, chart.Number(l.PerSecond), chart.Number(float64(l.Rows))})
	}
	p.table([]string{"what", ">per second", ">rows afterwards"}, rows)
}
