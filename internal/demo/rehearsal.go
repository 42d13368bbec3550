package demo

import (
	"context"

	"stockhold/internal/orders"
)

// rehearsal plays through, one after the other, what happens to the scarce skus:
// how many orders run short cannot be told from sums, since one large order that
// is refused leaves enough for many small ones. It knows only those lines, a few
// bytes for each order that has any.
type rehearsal struct {
	sold   []int64 // by sku, as in survey
	number map[string]int32
	moves  []move
}

// move is what one event asks of the scarce skus.
type move struct {
	kind  orders.Kind
	keeps bool // an order that takes what it gets
	lines []moved
}

type moved struct {
	sku   int32
	units int64
}

// rehearse reads the orders again, for the scarce skus alone.
func (o Options) rehearse(ctx context.Context, source orders.Source, s *survey, scarce int) (*rehearsal, error) {
	r := &rehearsal{number: map[string]int32{}}
	return r, each(ctx, source, func(event orders.Event) {
		m := move{kind: event.Kind}
		for _, line := range event.Lines {
			if rarity(line.SKU, o.Seed) < scarce {
				m.lines = append(m.lines, moved{r.numberOf(line.SKU, s), line.Quantity})
			}
		}
		if len(m.lines) > 0 {
			m.keeps = o.fateOf(event.Invoice).sells()
			r.moves = append(r.moves, m)
		}
	})
}

func (r *rehearsal) numberOf(sku string, s *survey) int32 {
	n, known := r.number[sku]
	if !known {
		n = int32(len(r.sold))
		r.number[sku] = n
		r.sold = append(r.sold, s.of(sku).sold)
	}
	return n
}

// part finds the part of the demand for scarce skus with which about so many
// orders run short.
func (r *rehearsal) part(short int) float64 {
	least, most := 0.0, 1.0
	for range 20 {
		middle := (least + most) / 2
		if r.refused(middle) > short {
			least = middle
		} else {
			most = middle
		}
	}
	return most
}

// refused counts the orders that run short when there is such a part at first.
func (r *rehearsal) refused(part float64) (short int) {
	left := make([]int64, len(r.sold))
	for sku, sold := range r.sold {
		left[sku] = (&demand{sold: sold}).scarce(part)
	}
	for _, m := range r.moves {
		switch {
		case m.kind == orders.Cancellation:
			m.add(left, 1)
		case m.kind == orders.WriteOff:
			m.add(left, -1)
		case !m.fits(left):
			short++
		case m.keeps:
			m.add(left, -1)
		}
	}
	return short
}

func (m move) add(left []int64, sign int64) {
	for _, line := range m.lines {
		left[line.sku] += sign * line.units
	}
}

// fits takes and gives back, so that lines of the same sku count together.
func (m move) fits(left []int64) bool {
	m.add(left, -1)
	defer m.add(left, 1)
	for _, line := range m.lines {
		if left[line.sku] < 0 {
			return false
		}
	}
	return true
}
