package orders

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// maxRecord bounds one row, in bytes: an opening quote that is never closed must
// not take the rest of the file into memory.
const maxRecord = 1 << 20

// layouts are how the files write a time: ours, both of the UCI's (the month
// comes first), and the one of machines.
var layouts = []string{"2006-01-02 15:04:05", "1/2/2006 15:04", "2006-01-02 15:04", time.RFC3339}

// row is one row of a file, understood.
type row struct {
	line         int
	invoice      string
	cancellation bool
	at           time.Time
	customer     string
	sku          string
	quantity     int64 // as written
}

// rows reads rows one by one.
type rows struct {
	input  *bounded
	csv    *csv.Reader
	header header
	line   int // where the latest record began
}

func newRows(r io.Reader) (*rows, error) {
	input := &bounded{r: r}
	reader := csv.NewReader(input)
	reader.ReuseRecord = true
	reader.FieldsPerRecord = 0 // all as many as the first
	s := &rows{input: input, csv: reader}
	record, err := s.record()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("is empty, must begin with a header")
	}
	if err != nil {
		return nil, err
	}
	s.header, err = readHeader(record)
	return s, err
}

// record reads the next record. Its strings are good until the one after.
func (s *rows) record() ([]string, error) {
	s.input.left = maxRecord
	record, err := s.csv.Read()
	switch {
	case err == nil:
		s.line, _ = s.csv.FieldPos(0)
		return record, nil
	case errors.Is(err, io.EOF) && !isParseError(err):
		return nil, io.EOF
	case isParseError(err):
		return nil, err // it names line and column
	default:
		return nil, fmt.Errorf("after line %d: %w", s.line, err)
	}
}

func isParseError(err error) bool {
	var parse *csv.ParseError
	return errors.As(err, &parse)
}

// next reads the next row. What it keeps of the record, it copies.
func (s *rows) next() (row, error) {
	record, err := s.record()
	if err != nil {
		return row{}, err
	}
	r := row{line: s.line}
	r.invoice = s.field(record, invoiceColumn)
	if !isInvoice(r.invoice) {
		return row{}, s.fault(record, invoiceColumn, fmt.Sprintf("must be 1 to %d of A-Z a-z 0-9 . _ : -", maxInvoice))
	}
	r.cancellation = isCancellation(r.invoice)
	at, ok := parseTime(s.field(record, timeColumn))
	if !ok {
		return row{}, s.fault(record, timeColumn, "must be a time such as 2010-12-01 08:26:00 or 12/1/2010 8:26")
	}
	r.at = at
	r.quantity, err = strconv.ParseInt(s.field(record, quantityColumn), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) { // out of range is the limit it stopped at: far over ours
		return row{}, s.fault(record, quantityColumn, "must be a whole number")
	}
	r.customer = s.field(record, customerColumn)
	r.sku = strings.Clone(s.field(record, skuColumn))
	return r, nil
}

func parseTime(text string) (time.Time, bool) {
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

func (s *rows) field(record []string, c column) string {
	if i := s.header.at[c]; i >= 0 {
		return strings.TrimSpace(record[i])
	}
	return ""
}

// maxQuoted is how much of a wrong value an error repeats, in bytes.
const maxQuoted = 80

func (s *rows) fault(record []string, c column, must string) error {
	line, at := s.csv.FieldPos(s.header.at[c])
	value := s.field(record, c)
	if len(value) > maxQuoted {
		value = value[:maxQuoted] + "..."
	}
	return fmt.Errorf("line %d, column %d: %s is %q, %s", line, at, s.header.name[c], value, must)
}

// bounded reads no further than allowed.
type bounded struct {
	r    io.Reader
	left int
}

var errLongRecord = fmt.Errorf("a row has more than %d bytes (is a quote not closed?)", maxRecord)

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLongRecord
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
