package orders

import "io"

// Limit ends a source before its sale number most+1; 0 is no limit. What comes
// before that sale comes through, whatever its kind.
func Limit(source Source, most int) Source {
	if most == 0 {
		return source
	}
	return &limited{source: source, left: most}
}

type limited struct {
	source Source
	left   int
}

func (l *limited) Next() (Event, error) {
	if l.left < 0 {
		return Event{}, io.EOF
	}
	event, err := l.source.Next()
	if err == nil && event.Kind == Sale {
		if l.left == 0 {
			l.left = -1
			return Event{}, io.EOF
		}
		l.left--
	}
	return event, err
}
