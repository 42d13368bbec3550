// Package display shows what a server answered: as tables for people, as JSON for
// programs.
//
// JSON is that of the wire contract, with fields that are zero written out, so that
// a script finds each in its place. One thing is one document; a list is one
// document a line, so that it can be read while it is written, and what came before
// an error is whole.
package display

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Document prints one message as an indented JSON document.
func Document(w io.Writer, m proto.Message) error {
	text, err := marshal(m)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return fmt.Errorf("print the answer: %w", err)
	}
	out.WriteByte('\n')
	return write(w, out.Bytes())
}

// Line prints one message of a list as a line of JSON.
func Line(w io.Writer, m proto.Message) error {
	text, err := marshal(m)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil { // the library adds spaces, other ones in each build
		return fmt.Errorf("print the answer: %w", err)
	}
	out.WriteByte('\n')
	return write(w, out.Bytes())
}

func marshal(m proto.Message) ([]byte, error) {
	text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("print the answer: %w", err)
	}
	return text, nil
}

func write(w io.Writer, text []byte) error {
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("print the answer: %w", err)
	}
	return nil
}

// Table is rows under a heading, aligned when it is printed.
type Table struct {
	text   bytes.Buffer
	aligns *tabwriter.Writer
	rows   int
}

// NewTable begins a table; one without a heading lists names and values.
func NewTable(heading ...string) *Table {
	t := &Table{}
	t.aligns = tabwriter.NewWriter(&t.text, 0, 0, 2, ' ', 0)
	if len(heading) > 0 {
		t.line(heading)
	}
	return t
}

// Row adds a row. Each cell is shown in one line, whatever is in it.
func (t *Table) Row(cells ...any) {
	t.rows++
	words := make([]string, len(cells))
	for i, cell := range cells {
		if words[i] = Plain(fmt.Sprint(cell)); words[i] == "" {
			words[i] = "-"
		}
	}
	t.line(words)
}

func (t *Table) line(words []string) {
	_, _ = t.aligns.Write([]byte(strings.Join(words, "\t") + "\n")) // a bytes.Buffer takes everything
}

// Rows is how many there are, without the heading.
func (t *Table) Rows() int { return t.rows }

// Print writes the table.
func (t *Table) Print(w io.Writer) error {
	_ = t.aligns.Flush()
	return write(w, t.text.Bytes())
}

// Plain makes text of strangers fit for a terminal: what is not printable, such as
// what moves the cursor or breaks a line, is written out.
func Plain(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return text
	}
	quoted := strconv.QuoteToGraphic(text)
	return quoted[1 : len(quoted)-1]
}

// Moment is how times are shown: to the second, in UTC; nothing for none.
func Moment(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().UTC().Format(time.RFC3339)
}
