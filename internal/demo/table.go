package demo

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
)

// WriteTable prints the result for people.
func (r Result) WriteTable(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, seed %d, on %s, as %s\n", r.Source, r.Seed, r.Stores, r.Run)
	t := table{tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)}
	r.writeOrders(t)
	r.writeNetwork(t)
	r.writeHealing(t)
	_ = t.Flush() // a strings.Builder takes everything
	r.writeBooks(&b)
	r.writeVerdict(&b)
	for line := range strings.Lines(b.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil { // columns are filled up with spaces
			return fmt.Errorf("print the result: %w", err)
		}
	}
	return nil
}

// table has a name and a figure, and what there is to say about it.
type table struct{ *tabwriter.Writer }

func (t table) head(title string) { fmt.Fprintf(t, "\n%s\t\t\n", title) }

func (t table) row(name string, n int64, format string, args ...any) {
	fmt.Fprintf(t, "  %s\t%s\t%s\n", name, humanize.Comma(n), fmt.Sprintf(format, args...))
}

func (r Result) writeOrders(t table) {
	t.head("ORDERS")
	t.row("orders", r.Orders, "%s lines, %s units", humanize.Comma(r.Lines), humanize.Comma(r.Units))
	t.row("held", r.Held, "%s of the orders", part(r.Held, r.Orders))
	for _, o := range r.Outcomes {
		if o.Count > 0 {
			t.row(o.Name, o.Count, "%s", part(o.Count, r.Orders))
		}
	}
	t.row("of those sold: shipped", r.Shipped, "")
	t.row("  taken back before that", r.TakenBack, "")
	t.row("  still in the house", r.AwaitDispatch, "")
	t.row("lines put back on the shelf", r.Restocked, "")
	t.row("lines written off", r.WrittenOff, "%d refused: more than was there", r.WriteOffsRefused)
	if l := r.LeftOut; l.Total() > 0 {
		t.row("rows left out", int64(l.Total()), "%d no goods, %d skus, %d quantities, %d of orders too long; %d invoices altogether",
			l.NonGoods, l.SKU, l.Quantity, l.Long, l.Invoices)
	}
}

func (r Result) writeNetwork(t table) {
	t.head("A BAD NETWORK")
	t.row("calls", r.Calls, "in %s", r.ReplayTook)
	t.row("requests lost", sum(r.Lost), "%s", list(r.Lost))
	t.row("answers lost", sum(r.Dropped), "%s", list(r.Dropped))
	t.row("messages sent twice", r.Doubled, "")
	t.row("replays answered", sum(r.Replays), "%s", list(r.Replays))
	t.row("intercepted", sum(r.Intercepted), "")
	for _, i := range r.Intercepted {
		t.row("  "+i.Name, i.Count, "")
	}
	if r.Repeats > 0 {
		t.row("calls sent again", r.Repeats, "a store or a queue could not take them just then")
	}
}

func (r Result) writeHealing(t table) {
	h := r.Healing
	t.head("HEALED BY THE SWEEPER")
	t.row("confirmed by check-back", h.Confirmed, "the Confirm was lost, the order service said COMMIT")
	t.row("released by check-back", h.Released, "the Cancel was lost, the order service said ABORT")
	t.row("released by their policy", h.Expired, "nobody was asked")
	t.row("check-back answers", sum(h.Questions), "%s", list(h.Questions))
	if h.Confirmed+h.Released > 0 {
		fmt.Fprintf(t, "  time to heal\t\tp50 %s, p99 %s, longest %s after the hold ended\n", h.P50, h.P99, h.Max)
	}
}

func (r Result) writeBooks(b *strings.Builder) {
	fmt.Fprint(b, "\nTHE BOOKS\n")
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\ton hand\treserved\tcommitted\t\n")
	for _, side := range []struct {
		name  string
		units Units
	}{{"  order service", r.Books.Mine}, {"  stockhold", r.Books.Theirs}} {
		fmt.Fprintf(t, "%-15s\t%s\t%s\t%s\t\n", side.name,
			humanize.Comma(side.units.OnHand), humanize.Comma(side.units.Reserved), humanize.Comma(side.units.Committed))
	}
	_ = t.Flush() // a strings.Builder takes everything
	fmt.Fprintf(b, "  compared one by one: %s reservations, %s skus\n", humanize.Comma(r.Books.Reservations), humanize.Comma(r.Books.SKUs))
	for _, difference := range r.Books.Differences {
		fmt.Fprintf(b, "  %s\n", difference)
	}
	if more := r.Books.Total - int64(len(r.Books.Differences)); more > 0 {
		fmt.Fprintf(b, "  and %d more\n", more)
	}

	fmt.Fprint(b, "\nTHE AUDIT\n")
	var report strings.Builder
	_ = r.Audit.WriteTable(&report) // likewise
	for line := range strings.Lines(report.String()) {
		fmt.Fprintf(b, "  %s", line)
	}
}

func (r Result) writeVerdict(b *strings.Builder) {
	for _, surprise := range r.Surprises {
		fmt.Fprintf(b, "\nnot as it should be: %s", surprise)
	}
	fmt.Fprintf(b, "\n%s, after %s\n", r.verdict(), r.Took)
}

func (r Result) verdict() string {
	if err := r.Err(); err != nil {
		return "FAILED: " + strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return "THE BOOKS AGREE to the unit and the audit is clean"
}

// String is the duration for people.
func (m Milliseconds) String() string { return (time.Duration(m) * time.Millisecond).String() }

func part(n, of int64) string { return fmt.Sprintf("%.1f%%", 100*float64(n)/float64(max(of, 1))) }

func list(counts []Count) string {
	parts := make([]string, len(counts))
	for i, c := range counts {
		parts[i] = fmt.Sprintf("%s %s", c.Name, humanize.Comma(c.Count))
	}
	return strings.Join(parts, ", ")
}
