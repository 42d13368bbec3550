package demo

import (
	"context"
	"errors"
	"hash/fnv"
	"io"
	"strconv"

	"stockhold/internal/orders"
)

// survey is what one reading of the orders tells, before anything is sold.
type survey struct {
	sales   int
	lines   int64
	units   int64
	demand  map[string]*demand
	reaches [rarities]int // sales by the rarity of their rarest sku
}

// demand is what is asked of one sku.
type demand struct {
	ordered    int64 // by all orders
	sold       int64 // by those that will take it, if there is enough
	writtenOff int64
}

// rarities is into how many classes skus are sorted, by a hash of their name.
// Those of the first classes are the scarce ones.
const rarities = 4096

func rarity(sku string, seed uint64) int {
	hash := fnv.New64a()
	hash.Write(strconv.AppendUint(nil, seed, 10))
	hash.Write([]byte(sku))
	mixed := hash.Sum64() * 0x9e3779b97f4a7c15 // the first bits of FNV alone hardly differ between similar names
	return int(mixed >> 52)
}

func (o Options) survey(ctx context.Context, source orders.Source) (*survey, error) {
	s := &survey{demand: map[string]*demand{}}
	return s, each(ctx, source, func(event orders.Event) {
		switch event.Kind {
		case orders.Sale:
			s.sale(event, o.fateOf(event.Invoice), o.Seed)
		case orders.WriteOff:
			for _, line := range event.Lines {
				s.of(line.SKU).writtenOff += line.Quantity
			}
		}
	})
}

func each(ctx context.Context, source orders.Source, do func(orders.Event)) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		event, err := source.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		do(event)
	}
}

func (s *survey) sale(event orders.Event, f fate, seed uint64) {
	s.sales++
	s.lines += int64(len(event.Lines))
	rarest := rarities - 1
	for _, line := range event.Lines {
		d := s.of(line.SKU)
		d.ordered += line.Quantity
		if f.sells() {
			d.sold += line.Quantity
		}
		s.units += line.Quantity
		rarest = min(rarest, rarity(line.SKU, seed))
	}
	s.reaches[rarest]++
}

func (s *survey) of(sku string) *demand {
	d := s.demand[sku]
	if d == nil {
		d = &demand{}
		s.demand[sku] = d
	}
	return d
}

// scarce is the first class of rarity of which there is enough for everybody: so
// that about twice as many orders as are to run short want something scarce.
func (s *survey) scarce(short Share) (class int) {
	reached := 0
	for class < rarities && float64(reached) < 2*float64(short)*float64(s.sales) {
		reached += s.reaches[class]
		class++
	}
	return class
}

// maxOnHand is the most that stockhold lets lie on one shelf.
const maxOnHand = 1_000_000_000_000

// opening chooses the stock to begin with: of most skus enough for every order, of
// the scarce ones for a part of what will be bought.
func (s *survey) opening(scarce int, part float64, seed uint64) map[string]int64 {
	stock := make(map[string]int64, len(s.demand))
	for sku, d := range s.demand {
		units := d.ordered + d.writtenOff
		if rarity(sku, seed) < scarce {
			units = d.scarce(part)
		}
		stock[sku] = min(max(units, 1), maxOnHand)
	}
	return stock
}

func (d *demand) scarce(part float64) int64 { return max(1, int64(part*float64(d.sold))) }
