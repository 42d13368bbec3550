package recount

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Failure is a row that could not be set.
type Failure struct {
	Row
	Reason  string // the wire's word; "" when the server said none
	Message string
}

// Report is what became of a file's rows.
type Report struct {
	Rows      int           `json:"rows"`
	Set       int           `json:"set"`       // in a dry run: to be set
	Unchanged int           `json:"unchanged"` // were right already, and only read
	Failed    int           `json:"failed"`    // refused, one by one: see Failures
	Left      int           `json:"left"`      // the run stopped before it knew of them
	DryRun    bool          `json:"dryRun"`
	Took      time.Duration `json:"-"`
	Seconds   float64       `json:"seconds"`
	Failures  []Failure     `json:"-"`
}

// String is one line for people.
func (r Report) String() string {
	set := "set"
	if r.DryRun {
		set = "to be set (nothing was done)"
	}
	parts := []string{
		fmt.Sprintf("%s %s", humanize.Comma(int64(r.Set)), set),
		fmt.Sprintf("%s right already", humanize.Comma(int64(r.Unchanged))),
	}
	if r.Failed > 0 {
		parts = append(parts, fmt.Sprintf("%s refused", humanize.Comma(int64(r.Failed))))
	}
	if r.Left > 0 {
		parts = append(parts, fmt.Sprintf("%s left", humanize.Comma(int64(r.Left))))
	}
	return fmt.Sprintf("%s rows in %s: %s", humanize.Comma(int64(r.Rows)), r.Took.Round(100*time.Millisecond), strings.Join(parts, ", "))
}

// WriteFailures writes the rows that failed, and why, in a form that Read takes.
func (r Report) WriteFailures(w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{columnSKU, columnOnHand, columnLocation, columnLine, columnReason, columnMessage})
	for _, f := range r.Failures {
		_ = out.Write([]string{f.SKU, strconv.FormatInt(f.OnHand, 10), f.Location, strconv.Itoa(f.Line), f.Reason, f.Message})
	}
	out.Flush()
	if err := out.Error(); err != nil { // the first of them all
		return fmt.Errorf("write the rows that failed: %w", err)
	}
	return nil
}
