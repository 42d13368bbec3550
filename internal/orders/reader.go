package orders

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
)

// Reader reads the events of a file.
type Reader struct {
	rows    *rows
	desk    desk
	ready   []Event
	end     bool
	leftOut LeftOut
}

// NewReader reads the header. The text may be compressed by gzip: the content
// tells.
func NewReader(r io.Reader) (*Reader, error) {
	text, err := decompressed(r)
	if err != nil {
		return nil, err
	}
	rows, err := newRows(text)
	if err != nil {
		return nil, err
	}
	return &Reader{rows: rows, desk: desk{ended: map[string]struct{}{}}}, nil
}

func decompressed(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	magic, err := buffered.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if string(magic) != "\x1f\x8b" {
		return buffered, nil
	}
	unzipped, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, fmt.Errorf("begins like gzip: %w", err)
	}
	return unzipped, nil
}

// Next is the next event, in the order in which their last lines stand in the
// file, or io.EOF.
func (r *Reader) Next() (Event, error) {
	for len(r.ready) == 0 {
		if i := r.desk.next(r.end); i != nil {
			r.ready = i.events()
			if len(r.ready) == 0 {
				r.leftOut.Invoices++
			}
			continue
		}
		if r.end {
			return Event{}, io.EOF
		}
		if err := r.read(); err != nil {
			return Event{}, err
		}
	}
	event := r.ready[0]
	r.ready = r.ready[1:]
	return event, nil
}

func (r *Reader) read() error {
	row, err := r.rows.next()
	if errors.Is(err, io.EOF) {
		r.end = true
		return nil
	}
	if err != nil {
		return err
	}
	i, err := r.desk.place(row)
	if err != nil {
		return err
	}
	i.add(row, &r.leftOut)
	return nil
}

// LeftOut counts the rows read so far that became part of no event.
func (r *Reader) LeftOut() LeftOut { return r.leftOut }

// File is a Reader of a file. Its errors name the file.
type File struct {
	path   string
	file   *os.File
	reader *Reader
}

// Open opens a file, plain or compressed by gzip. The caller closes it.
func Open(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the orders: %w", err)
	}
	reader, err := NewReader(file)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("orders in %s: %w", path, err), file.Close())
	}
	return &File{path: path, file: file, reader: reader}, nil
}

// Next is the next event, or io.EOF.
func (f *File) Next() (Event, error) {
	event, err := f.reader.Next()
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("orders in %s: %w", f.path, err)
	}
	return event, err
}

// LeftOut counts the rows read so far that became part of no event.
func (f *File) LeftOut() LeftOut { return f.reader.LeftOut() }

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }
