package store

import (
	"slices"
	"strings"
)

// statement builds SQL with its arguments.
type statement struct {
	sql  strings.Builder
	args []any
}

func newStatement(sql string, args ...any) *statement {
	s := &statement{}
	return s.add(sql, args...)
}

func (s *statement) add(sql string, args ...any) *statement {
	s.sql.WriteString(sql)
	s.args = append(s.args, args...)
	return s
}

// rows adds n parenthesised groups of width placeholders, with commas between.
func (s *statement) rows(n, width int) *statement {
	group := "(" + strings.Repeat("?,", width-1) + "?)"
	s.sql.Grow(n * (len(group) + 1))
	for i := range n {
		if i > 0 {
			s.sql.WriteByte(',')
		}
		s.sql.WriteString(group)
	}
	return s
}

// in adds a parenthesised list of values.
func in[T any](s *statement, values []T) *statement {
	s.sql.WriteByte('(')
	for i, v := range values {
		if i > 0 {
			s.sql.WriteByte(',')
		}
		s.sql.WriteByte('?')
		s.args = append(s.args, v)
	}
	s.sql.WriteByte(')')
	return s
}

// maxArgs keeps a statement below SQLite's 32,766 and MySQL's 65,535 arguments.
const maxArgs = 30000

// chunks calls f with runs of items of at most size, in order, until one fails.
func chunks[T any](items []T, size int, f func([]T) error) error {
	for len(items) > 0 {
		n := min(size, len(items))
		if err := f(items[:n]); err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}

// chunked makes one change of each run of items of at most size, in order.
func chunked[T any](items []T, size int, f func([]T) change) []change {
	all := make([]change, 0, (len(items)+size-1)/size)
	for some := range slices.Chunk(items, size) {
		all = append(all, f(some))
	}
	return all
}
