package history

import (
	"fmt"
	"hash/maphash"

	"github.com/anishathalye/porcupine"
)

var seed = maphash.MakeSeed()

// byReservation is the state table, for the operations of one reservation.
func byReservation(words map[Key]Word) porcupine.Model {
	model := porcupine.NondeterministicModel{
		Init: func() []any { return []any{hold{}} },
		Step: func(state, input, output any) (after []any) {
			e := input.(event)
			for _, now := range state.(hold).alone(e.Until, words[e.Call.Key()]) {
				for _, out := range now.outcomes(e, output.(Answer)) {
					after = append(after, out.hold)
				}
			}
			return after
		},
		Hash:              func(state any) uint64 { return maphash.Comparable(seed, state.(hold)) },
		DescribeOperation: describe,
		DescribeState:     func(state any) string { return state.(hold).String() },
	}
	return model.ToModel()
}

// byShelf is state table and counters, for the operations of one shelf.
func byShelf(words map[Key]Word) porcupine.Model {
	model := porcupine.NondeterministicModel{
		Init: func() []any { return []any{shelf{}} },
		Step: func(state, input, output any) (after []any) {
			e := input.(event)
			word := func(hold int) Word { return words[Key{e.Call.Shelf, hold}] }
			for _, next := range state.(shelf).step(e, output.(Answer), word) {
				after = append(after, next)
			}
			return after
		},
		Hash:              func(state any) uint64 { return maphash.Comparable(seed, state.(shelf)) },
		DescribeOperation: describe,
		DescribeState:     func(state any) string { return state.(shelf).String() },
	}
	return model.ToModel()
}

func describe(input, output any) string {
	return fmt.Sprintf("%s -> %s", input.(event).Call, output.(Answer))
}

func (h hold) String() string {
	if h.state == none {
		return "-"
	}
	return fmt.Sprintf("%s %v until %s", h.state, h.lines, h.due)
}

func (s shelf) String() string {
	text := ""
	for _, r := range s.rows {
		text += fmt.Sprintf("%+v ", r.stock)
	}
	for _, h := range s.holds {
		text += fmt.Sprintf("[%s] ", h)
	}
	return text
}
