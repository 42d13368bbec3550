package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what a soak saw. Times are in seconds in JSON.
type Report struct {
	Seed          uint64           `json:"seed"`
	Without       string           `json:"without,omitempty"` // the guard that the program lacked
	Ran           Seconds          `json:"ran_seconds"`
	Interrupted   bool             `json:"interrupted"`
	Orders        int              `json:"orders"`
	Held          int              `json:"held"`
	Lost          int              `json:"lost"`
	Oversold      int64            `json:"oversold"`
	Calls         map[string]int64 `json:"calls"`
	OK            map[string]int64 `json:"ok"`
	Replays       map[string]int64 `json:"replays"`
	Refusals      map[string]int64 `json:"refusals"`
	NoAnswer      map[string]int64 `json:"no_answer"`
	NeverSent     int64            `json:"never_sent"`
	Interceptions map[string]int64 `json:"interceptions"`
	Faults        map[string]int64 `json:"faults"`
	CommitsLost   int64            `json:"commit_replies_lost"`
	CommitsAgain  int64            `json:"commits_run_again"` // batches, for want of a reply to their COMMIT
	Questions     int64            `json:"questions"`         // that the decider was asked
	Silence       Seconds          `json:"silence_seconds"`
	SilenceUp     Seconds          `json:"silence_both_stores_up_seconds"`
	Slowest       Seconds          `json:"slowest_answer_seconds"`
	Converged     Seconds          `json:"converged_seconds"`
	WaitedFor     string           `json:"waited_for,omitempty"` // what kept it from rest until then
	Broken        []string         `json:"broken"`
	Logs          string           `json:"logs,omitempty"` // where they are kept
}

// Seconds is a duration that JSON and people read as seconds.
type Seconds time.Duration

// MarshalJSON writes seconds.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Duration(s).Round(time.Millisecond).Seconds())
}

func (s Seconds) String() string { return fmt.Sprintf("%.2f s", time.Duration(s).Seconds()) }

// WriteFile writes a report as JSON.
func (r Report) WriteFile(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// Print writes a report for people.
func (r Report) Print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name string, value any) { _, _ = fmt.Fprintf(table, "%s\t%v\n", name, value) } // Flush tells of errors
	row("seed", r.Seed)
	if r.Without != "" {
		row("without the guard", r.Without)
	}
	row("ran for", r.Ran)
	row("orders", fmt.Sprintf("%d, of which %d were held", r.Orders, r.Held))
	row("calls", list(r.Calls))
	row("  answered OK", list(r.OK))
	row("  replays", list(r.Replays))
	row("  refused", list(r.Refusals))
	row("  without an answer", list(r.NoAnswer))
	row("Confirms and Cancels never sent", r.NeverSent)
	row("questions to the decider", r.Questions)
	row("interceptions", list(r.Interceptions))
	row("replies to COMMIT lost", fmt.Sprintf("%d; batches run again for want of one %d", r.CommitsLost, r.CommitsAgain))
	row("faults", sum(r.Faults))
	for _, name := range slices.Sorted(maps.Keys(r.Faults)) {
		row("  "+name, r.Faults[name])
	}
	row("longest time without an answer", r.Silence)
	row("  while both stores were up", r.SilenceUp)
	row("slowest answer", r.Slowest)
	row("at rest after the faults in", r.Converged)
	row("lost", r.Lost)
	row("oversold", r.Oversold)
	if err := table.Flush(); err != nil {
		return err
	}
	if r.Interrupted {
		_, _ = fmt.Fprintln(w, "It was interrupted; this is what was seen until then.")
	}
	for _, promise := range r.Broken[:min(len(r.Broken), 20)] {
		_, _ = fmt.Fprintln(w, "BROKEN:", promise)
	}
	if more := len(r.Broken) - 20; more > 0 {
		_, _ = fmt.Fprintln(w, "and", more, "more")
	}
	verdict := "every promise was kept"
	if len(r.Broken) > 0 {
		verdict = "promises were broken; logs are in " + r.Logs
	}
	_, err := fmt.Fprintln(w, verdict)
	return err
}

func sum(counts map[string]int64) (n int64) {
	for _, count := range counts {
		n += count
	}
	return n
}

// list writes counts by name, the largest first.
func list(counts map[string]int64) string {
	if len(counts) == 0 {
		return "none"
	}
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return int(counts[b] - counts[a])
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", strings.TrimPrefix(name, "REASON_"), counts[name])
	}
	return fmt.Sprintf("%d: %s", sum(counts), strings.Join(names, ", "))
}
