package report

import (
	"fmt"
	"strings"

	"stockhold/internal/bench/chart"
)

// page writes Markdown.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// table writes the rows under their heads. Heads that begin with > are of figures.
func (p *page) table(heads []string, rows [][]string) {
	rule := make([]string, len(heads))
	names := make([]string, len(heads))
	for i, head := range heads {
		rule[i] = "---"
		if name, figures := strings.CutPrefix(head, ">"); figures {
			rule[i], head = "---:", name
		}
		names[i] = head
	}
	p.line("")
	for _, row := range append([][]string{names, rule}, rows...) {
		p.line("| %s |", strings.Join(row, " | "))
	}
	p.line("")
}

func (r *Report) markdown(pictures []picture) string {
	p := &page{}
	p.line("# Benchmarks")
	p.line("")
	if r.Quick {
		p.line("**A quick run**: few and short rounds on small ledgers. Its figures show that everything works, and little more.")
		p.line("")
	}
	r.writeProblems(p)
	r.writeGoals(p)
	r.writeGround(p)
	for _, g := range r.Groups {
		r.writeGroup(p, g, pictures)
	}
	r.writeSweeps(p)
	r.writeLimits(p)
	r.writePeers(p)
	return p.String()
}

func (r *Report) writeProblems(p *page) {
	if len(r.Problems) == 0 {
		p.line("After every cell, the rows in the tables were counted and compared with the answers: all of them agreed.")
		return
	}
	p.line("**This run is not to be believed:**")
	p.line("")
	for _, problem := range r.Problems {
		p.line("- %s", strings.ReplaceAll(problem, "\n", " "))
	}
}

func (r *Report) writeGoals(p *page) {
	p.line("\n## What was to be reached")
	var rows [][]string
	for _, g := range r.Goals {
		bound, value, reached := "at least ", "not measured", ""
		if g.AtMost {
			bound = "at most "
		}
		unit := g.Unit
		if unit == "ms" {
			unit = " ms"
		}
		if g.Found {
			value, reached = chart.Number(g.Value)+unit, "no"
			if g.Reached {
				reached = "yes"
			}
		}
		rows = append(rows, []string{g.Figure, "`" + g.Key + "`", bound + goalText(g) + unit, value, reached})
	}
	p.table([]string{"figure", "key", ">goal", ">measured", "reached"}, rows)
	p.line("Each system is taken at the number of callers that suits it best. A ratio is the median of the ratios of the rounds, in each of which both were measured shortly after each other.")
}

func goalText(g Goal) string {
	if g.Goal >= 100 {
		return chart.Number(g.Goal)
	}
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", g.Goal), "0"), ".")
}

func (r *Report) writeGround(p *page) {
	m, c := r.Machine, r.Conduct
	p.line("\n## On what")
	p.line("")
	p.line("- Machine: %s, %d cores, %.0f GiB, Linux %s. Stores, services and client share it.", m.CPU, m.Cores, m.MemoryGB, m.Kernel)
	p.line("- %s; %s; begun %s, %.0f minutes; load before the start %.2f.", r.Version, m.Go, r.Started.Format("2006-01-02 15:04 MST"), r.Seconds/60, m.Load)
	p.line("- Client: one process, %s protocol with protobuf over unencrypted HTTP/2, %d connections to each service, a deadline on every call.", c.Protocol, c.Connections)
	p.line("- %d rounds of %.3g s for each cell, each after %.3g s that do not count; the cells of a group in turns, there and back. Seed %d.", c.Rounds, c.Seconds, c.WarmSeconds, c.Seed)
	p.line("- Grown ledger: %s reservations; many skus: %s; overdue holds: %s.", chart.Number(float64(c.GrownRows)), chart.Number(float64(c.GrownSKUs)), chart.Number(float64(c.OverdueHolds)))
	if c.Profiled {
		p.line("- Profiles were taken: the services were a little slower for it.")
	}
	p.line("\nWhat an answer is worth, as the servers say of themselves:")
	var rows [][]string
	for _, s := range r.Settings {
		rows = append(rows, []string{s.Server, "`" + s.Name + "`", "`" + s.Value + "`"})
	}
	p.table([]string{"server", "setting", "value"}, rows)
}

func (r *Report) writePeers(p *page) {
	p.line("\n## The peers")
	p.line("\nAll of them stand behind the handlers, codecs and limits of stockhold, as processes of their own.\n")
	for _, s := range r.Systems {
		p.line("- `%s`: %s.", s.Name, strings.TrimSuffix(s.Source, "."))
	}
}
