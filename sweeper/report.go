package sweeper

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Report says what passes did, in numbers of holds unless it says otherwise. A
// hold that was asked about in several passes counts in each of them.
type Report struct {
	Passes         int `json:"passes"`
	Due            int `json:"due"`
	Confirmed      int `json:"confirmed"`
	Canceled       int `json:"canceled"`
	Expired        int `json:"expired"`
	Pending        int `json:"pending"`
	Unknown        int `json:"unknown"`
	Unasked        int `json:"unasked"`
	Overtaken      int `json:"overtaken"`
	Contradictions int `json:"contradictions"`
	Parked         int `json:"parked"`
	Reaped         int `json:"reaped"`
	Refreshed      int `json:"refreshed"`
	Dropped        int `json:"dropped"`
	Reclaimed      int `json:"reclaimed"`
	Purged         int `json:"purged"`
	Failed         int `json:"failed"`
	GateFailed     int `json:"gate_failed"`
}

// figure is one line of a report.
type figure struct {
	name    string
	value   *int
	meaning string
}

// figures are the fields of a report, in the order of the pass.
func (r *Report) figures() []figure {
	return []figure{
		{"passes", &r.Passes, "passes made"},
		{"due", &r.Due, "found due"},
		{"confirmed", &r.Confirmed, "confirmed, by the owner's answer or by policy"},
		{"canceled", &r.Canceled, "canceled by the owner's answer"},
		{"expired", &r.Expired, "released by policy"},
		{"pending", &r.Pending, "the owner has not decided yet"},
		{"unknown", &r.Unknown, "the owner did not know, did not answer, or cannot be asked"},
		{"unasked", &r.Unasked, "not asked: the owner's breaker was open, or no time was left"},
		{"overtaken", &r.Overtaken, "ended or moved by somebody else meanwhile"},
		{"contradictions", &r.Contradictions, "the owner's answer contradicts what already happened"},
		{"parked", &r.Parked, "newly in front of an operator"},
		{"reaped", &r.Reaped, "pending in the gate for too long, and settled"},
		{"refreshed", &r.Refreshed, "stock rows whose view was sent to the gate"},
		{"dropped", &r.Dropped, "gate rows dropped, for they contradicted the ledger"},
		{"reclaimed", &r.Reclaimed, "gate rows whose units were pending for no hold, and are free again"},
		{"purged", &r.Purged, "rows deleted that ended long ago"},
		{"failed", &r.Failed, "holds that could not be written, and steps that the ledger stopped"},
		{"gate_failed", &r.GateFailed, "steps that the gate stopped; they cost speed, never stock"},
	}
}

// Add adds another report's figures.
func (r *Report) Add(other Report) {
	theirs := other.figures()
	for i, f := range r.figures() {
		*f.value += *theirs[i].value
	}
}

// WriteTable prints one line per figure: name, value, meaning.
func (r Report) WriteTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range r.figures() {
		if _, err := fmt.Fprintf(table, "%s\t%d\t%s\n", f.name, *f.value, f.meaning); err != nil {
			return fmt.Errorf("print the report: %w", err)
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return nil
}
