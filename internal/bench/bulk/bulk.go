// Package bulk fills tables as fast as the server takes rows: one LOAD DATA
// statement whose rows are made while they are sent.
package bulk

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync/atomic"

	"github.com/go-sql-driver/mysql"
)

// Rows writes rows, one after the other, each with [Writer.Row].
type Rows func(w *Writer) error

// Load fills columns of a table. The rows must come in the order of its primary
// key to be quick, and must not be there yet. The binary log is left out: this is
// not what is measured.
func Load(ctx context.Context, db *sql.DB, table, columns string, rows Rows) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("load %s: %w", table, err)
	}
	defer func() { err = errors.Join(err, restore(conn)) }()
	// Without these two the server cannot build the indexes of an empty table by sorting.
	for _, setting := range []string{"SET sql_log_bin=0", "SET unique_checks=0", "SET foreign_key_checks=0"} {
		if _, err := conn.ExecContext(ctx, setting); err != nil {
			return fmt.Errorf("load %s: %s: %w", table, setting, err)
		}
	}

	reader, writer := io.Pipe()
	name := "bench-" + strconv.FormatInt(readers.Add(1), 10)
	mysql.RegisterReaderHandler(name, func() io.Reader { return reader })
	defer mysql.DeregisterReaderHandler(name)
	written := make(chan error, 1)
	go func() { written <- write(writer, rows) }()
	_, err = conn.ExecContext(ctx, "LOAD DATA LOCAL INFILE 'Reader::"+name+"' INTO TABLE "+table+" CHARACTER SET utf8mb4 ("+columns+")")
	if err != nil {
		err = fmt.Errorf("load %s: %w", table, err)
	}
	_ = reader.Close() // ends the writer when the server gave up
	return errors.Join(err, <-written)
}

var readers atomic.Int64

// restore gives the connection back as it was.
func restore(conn *sql.Conn) error {
	var errs []error
	for _, setting := range []string{"SET sql_log_bin=1", "SET unique_checks=1", "SET foreign_key_checks=1"} {
		_, err := conn.ExecContext(context.Background(), setting)
		errs = append(errs, err)
	}
	return errors.Join(append(errs, conn.Close())...)
}

func write(to *io.PipeWriter, rows Rows) error {
	w := &Writer{buffer: bufio.NewWriterSize(to, 1<<16)}
	err := rows(w)
	if err == nil {
		err = w.buffer.Flush()
	}
	if errors.Is(err, io.ErrClosedPipe) {
		err = nil // the statement's own error says why
	}
	_ = to.CloseWithError(err) // never fails
	return err
}

// Writer writes rows as LOAD DATA reads them.
type Writer struct {
	buffer *bufio.Writer
	field  []byte
}

// Null is SQL's NULL.
type Null struct{}

// Row writes one row of strings, integers, bytes and Nulls.
func (w *Writer) Row(fields ...any) error {
	for i, field := range fields {
		end := byte('\t')
		if i == len(fields)-1 {
			end = '\n'
		}
		w.field = w.field[:0]
		switch v := field.(type) {
		case string:
			w.escape(v)
		case []byte:
			w.escape(string(v))
		case int:
			w.field = strconv.AppendInt(w.field, int64(v), 10)
		case int64:
			w.field = strconv.AppendInt(w.field, v, 10)
		case Null:
			w.field = append(w.field, `\N`...)
		default:
			return fmt.Errorf("cannot load a field of type %T", field)
		}
		if _, err := w.buffer.Write(append(w.field, end)); err != nil {
			return err
		}
	}
	return nil
}

// escape writes what LOAD DATA would take for something else with a backslash.
func (w *Writer) escape(s string) {
	for i := range len(s) {
		switch c := s[i]; c {
		case '\\', '\t', '\n', '\r':
			w.field = append(w.field, '\\', c)
		case 0:
			w.field = append(w.field, '\\', '0')
		default:
			w.field = append(w.field, c)
		}
	}
}
