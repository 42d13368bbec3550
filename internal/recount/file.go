// Package recount brings what a file says of stock to a running server: the result
// of a stocktake, or the stock of another system, row by row.
//
// [Read] judges the whole file before anything is sent. [Run] reads each row from
// the server and sets those that differ, many at once, and repeats what cannot be
// answered now. Running it again is safe, and how one goes on after a stop: rows
// that are right already are only read.
package recount

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"stockhold/inventory"
	"stockhold/reservation"
)

// Row is one row of a file.
type Row struct {
	inventory.Key
	OnHand int64
	Line   int // where it stands, from 1
}

// MaxRows bounds a file, and with it the memory that it takes.
const MaxRows = 2_000_000

// Fault is what is wrong with one line.
type Fault struct {
	Line    int
	Message string
}

// FileError says what is wrong with a file, line by line. Nothing was sent.
type FileError struct {
	Faults []Fault
	More   bool // there may be more: reading stopped here
}

const maxFaults = 20

func (e *FileError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = fmt.Sprintf("line %d: %s", f.Line, f.Message)
	}
	text := strings.Join(lines, "\n  ")
	if e.More {
		text += "\n  and maybe more"
	}
	return text
}

// The columns. Those of the last line are what a list of failures has beside the
// others: it can be read again as it is.
const (
	columnSKU, columnOnHand, columnLocation = "sku", "on_hand", "location_id"
	columnLine, columnReason, columnMessage = "line", "reason", "message"
)

// Read reads comma-separated rows below a heading: sku and on_hand, and location_id
// where there is more than one. The order of the columns is free. Every line is
// checked by the rules of the wire contract, and no row may come twice. The error is
// a [FileError], or that of the reader.
func Read(r io.Reader) ([]Row, error) {
	f := &file{seen: map[inventory.Key]int{}, limits: reservation.DefaultLimits()}
	buffered := bufio.NewReader(r)
	if start, _ := buffered.Peek(3); string(start) == "\ufeff" { // spreadsheets mark UTF-8 so
		_, _ = buffered.Discard(3)
	}
	f.csv = csv.NewReader(buffered)
	f.csv.FieldsPerRecord = -1 // a line with too many or too few is told of like any other fault
	f.csv.ReuseRecord = true
	if err := f.readHeading(); err != nil {
		return nil, err
	}
	for len(f.faults) < maxFaults {
		err := f.readRow()
		if errors.Is(err, io.EOF) {
			return f.result(false)
		}
		if err != nil {
			return nil, err
		}
	}
	return f.result(true)
}

type file struct {
	csv     *csv.Reader
	columns []string
	limits  reservation.Limits
	rows    []Row
	seen    map[inventory.Key]int // the line of each row
	faults  []Fault
}

func (f *file) result(more bool) ([]Row, error) {
	switch {
	case len(f.faults) > 0:
		return nil, &FileError{Faults: f.faults, More: more}
	case len(f.rows) == 0:
		return nil, &FileError{Faults: []Fault{{Line: 2, Message: "there is no row below the heading"}}}
	}
	return f.rows, nil
}

func (f *file) fault(line int, format string, args ...any) {
	f.faults = append(f.faults, Fault{line, fmt.Sprintf(format, args...)})
}

func (f *file) readHeading() error {
	names, err := f.csv.Read()
	if errors.Is(err, io.EOF) {
		return &FileError{Faults: []Fault{{Line: 1, Message: "the file is empty: want the heading sku,on_hand or sku,on_hand,location_id"}}}
	}
	if err != nil {
		return readError(err)
	}
	known := []string{columnSKU, columnOnHand, columnLocation, columnLine, columnReason, columnMessage}
	for _, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		switch {
		case !slices.Contains(known, name):
			return &FileError{Faults: []Fault{{Line: 1, Message: fmt.Sprintf("%q is no column: want sku, on_hand and maybe location_id, with commas between", name)}}}
		case slices.Contains(f.columns, name):
			return &FileError{Faults: []Fault{{Line: 1, Message: fmt.Sprintf("the column %s is there twice", name)}}}
		}
		f.columns = append(f.columns, name)
	}
	for _, name := range []string{columnSKU, columnOnHand} {
		if !slices.Contains(f.columns, name) {
			return &FileError{Faults: []Fault{{Line: 1, Message: fmt.Sprintf("the column %s is missing: want the heading sku,on_hand or sku,on_hand,location_id", name)}}}
		}
	}
	return nil
}

// readRow reads a line; only what keeps the reader from going on is an error.
func (f *file) readRow() error {
	fields, err := f.csv.Read()
	if err != nil {
		return readError(err)
	}
	line, _ := f.csv.FieldPos(0)
	if len(fields) != len(f.columns) {
		f.fault(line, "has %d columns, the heading has %d", len(fields), len(f.columns))
		return nil
	}
	row := Row{Key: inventory.Key{Location: reservation.DefaultName}, Line: line}
	for i, name := range f.columns {
		switch value := strings.TrimSpace(fields[i]); name {
		case columnSKU:
			row.SKU = strings.Clone(value)
		case columnLocation:
			if value != "" {
				row.Location = strings.Clone(value)
			}
		case columnOnHand:
			if row.OnHand, err = strconv.ParseInt(value, 10, 64); err != nil {
				f.fault(line, "on_hand is %q, must be a whole number", value)
				return nil
			}
		}
	}
	f.add(row)
	return nil
}

func (f *file) add(row Row) {
	var refusal *reservation.Refusal
	if errors.As(f.limits.CheckRecount(row.Key, row.OnHand), &refusal) {
		for _, v := range refusal.Violations {
			f.fault(row.Line, "%s %s", v.Field, v.Description)
		}
		return
	}
	if first, twice := f.seen[row.Key]; twice {
		f.fault(row.Line, "%s is on line %d already", row.Key, first)
		return
	}
	if len(f.rows) == MaxRows {
		f.fault(row.Line, "is row %d: a file may have %d; split it", MaxRows+1, MaxRows)
		return
	}
	f.seen[row.Key] = row.Line
	f.rows = append(f.rows, row)
}

func readError(err error) error {
	var malformed *csv.ParseError
	if errors.As(err, &malformed) {
		return &FileError{Faults: []Fault{{Line: malformed.Line, Message: malformed.Err.Error()}}, More: true}
	}
	if errors.Is(err, io.EOF) {
		return err
	}
	return fmt.Errorf("read the file: %w", err)
}
