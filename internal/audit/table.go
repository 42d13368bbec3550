package audit

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteTable prints the report for people: what was read, the verdicts, and then
// each kind of difference with what it means and what to do.
func (r Report) WriteTable(w io.Writer) error {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "ledger\t%s\t%s\n", r.ledgerExamined(), r.ledgerVerdict())
	fmt.Fprintf(table, "gate\t%s\t%s\n", r.gateExamined(), r.gateVerdict())
	_ = table.Flush() // a strings.Builder takes everything
	for _, f := range r.Findings {
		f.write(&b)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return nil
}

func (r Report) ledgerExamined() string {
	return fmt.Sprintf("%s, %s, %s", units(r.Ledger.Stocks, "stock row"), units(r.Ledger.Reservations, "reservation"), units(r.Ledger.Lines, "line"))
}

func (r Report) gateExamined() string {
	if !r.Gate.Judged && r.Gate.Rows+r.Gate.NotLoaded == 0 {
		return "not read"
	}
	text := units(r.Gate.Rows, "row")
	if n := r.Gate.NotLoaded; n > 0 {
		text += fmt.Sprintf(", %d not loaded", n)
	}
	return text
}

func (r Report) ledgerVerdict() string {
	switch n := r.Count(Contradiction); {
	case n > 0:
		return "CONTRADICTS ITSELF: " + units(n, "difference")
	case r.Complete:
		return "clean"
	}
	return "not read to its end"
}

func (r Report) gateVerdict() string {
	var parts []string
	switch n := r.Count(GateDiffers); {
	case n > 0:
		parts = append(parts, "differs from the ledger: "+units(n, "difference"))
	case r.Gate.Judged:
		parts = append(parts, "clean")
	}
	if !r.Gate.Judged {
		parts = append(parts, "not judged: "+cmp.Or(r.Gate.Reason, "the audit ended before"))
	}
	return strings.Join(parts, "; ")
}

func (f Finding) write(b *strings.Builder) {
	total := fmt.Sprint(f.Total)
	if f.AtLeast {
		total += " or more"
	}
	fmt.Fprintf(b, "\n%s %s: %s\n", strings.ToUpper(string(f.Level)), f.Kind, total)
	fmt.Fprintf(b, "  %s\n", f.Meaning)
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "    WHAT\tEXPECTED\tFOUND\n")
	for _, d := range f.Differences {
		fmt.Fprintf(table, "    %s\t%s\t%s\n", cmp.Or(d.Key(), "all"), d.Expected, d.Found)
	}
	_ = table.Flush() // a strings.Builder takes everything
	if more := f.Total - int64(len(f.Differences)); more > 0 {
		fmt.Fprintf(b, "    and %d more\n", more)
	}
	fmt.Fprintf(b, "  To do: %s\n", f.Remedy)
}
