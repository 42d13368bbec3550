package audit

import "stockhold/internal/store"

// lineStream hands out lines one by one, and reads them page by page. Its first
// error ends it; it is for the walk to look at err then.
type lineStream struct {
	read func(after store.AuditLine) ([]store.AuditLine, error)
	size int // of a full page
	page []store.AuditLine
	at   int
	last bool // no page follows this one
	err  error
}

// newLineStream begins after a line, with pages of at most size.
func newLineStream(after store.AuditLine, size int, read func(after store.AuditLine) ([]store.AuditLine, error)) *lineStream {
	s := &lineStream{read: read, size: size}
	s.fill(after)
	return s
}

func (s *lineStream) fill(after store.AuditLine) {
	s.page, s.err = s.read(after)
	s.at = 0
	s.last = len(s.page) < s.size
	if s.err != nil {
		s.page, s.last = nil, true
	}
}

// peek shows the next line without taking it; nil at the end.
func (s *lineStream) peek() *store.AuditLine {
	if s.at == len(s.page) && !s.last {
		s.fill(s.page[s.at-1])
	}
	if s.at == len(s.page) {
		return nil
	}
	return &s.page[s.at]
}

// next takes a line; nil at the end.
func (s *lineStream) next() *store.AuditLine {
	line := s.peek()
	if line != nil {
		s.at++
	}
	return line
}
