package demo

import (
	"context"
	"fmt"
	"maps"
	"slices"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// Comparison is what the order service believes next to what stockhold holds.
type Comparison struct {
	Reservations int64 `json:"reservations"` // compared one by one
	SKUs         int64 `json:"skus"`         // likewise
	Mine         Units `json:"order_service"`
	Theirs       Units `json:"stockhold"`
	// Differences are the first ones, in words.
	Total       int64    `json:"differences_total"`
	Differences []string `json:"differences"`
}

// Units are sums over all skus.
type Units struct {
	OnHand    int64 `json:"on_hand"`
	Reserved  int64 `json:"reserved"`
	Committed int64 `json:"committed"`
}

// Agree reports whether the books agree to the unit, order by order and sku by sku.
func (c Comparison) Agree() bool { return c.Total == 0 }

func (c *Comparison) differs(format string, args ...any) {
	c.Total++
	if len(c.Differences) < maxShown {
		c.Differences = append(c.Differences, fmt.Sprintf(format, args...))
	}
}

// compare reads everything that stockhold has of the run, and holds it against the
// books. Nothing may be under way.
func (s *shop) compare(ctx context.Context, healing *Healing) (Comparison, error) {
	c := Comparison{Differences: []string{}}
	if err := s.compareOrders(ctx, &c, healing); err != nil {
		return c, err
	}
	return c, s.compareShelves(ctx, &c)
}

func (s *shop) compareOrders(ctx context.Context, c *Comparison, healing *Healing) error {
	seen := map[string]bool{}
	err := s.eachReservation(ctx, nil, func(r *stockholdv1.Reservation) {
		c.Reservations++
		healing.add(r)
		id := r.GetReservationId()
		seen[id] = true
		switch w, known := s.books.word(id); {
		case !known:
			c.differs("order %s: not in the books, %s at stockhold", id, stateName(r.GetState()))
		case !w.allows(r.GetState()):
			c.differs("order %s: %s in the books, %s at stockhold", id, w, stateName(r.GetState()))
		}
	})
	healing.sum()
	if err != nil {
		return err
	}
	s.books.mu.Lock()
	defer s.books.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(s.books.orders)) {
		if w := s.books.orders[id].word; w != aborted && !seen[id] {
			c.differs("order %s: %s in the books, not there at stockhold", id, w)
		}
	}
	return nil
}

func (s *shop) compareShelves(ctx context.Context, c *Comparison) error {
	theirs, err := s.readStock(ctx)
	if err != nil {
		return err
	}
	s.books.mu.Lock()
	defer s.books.mu.Unlock()
	for _, sku := range slices.Sorted(maps.Keys(theirs)) {
		if s.books.shelves[sku] == nil {
			s.books.shelves[sku] = &shelf{} // a row of zeros is as good as none
		}
	}
	for _, sku := range slices.Sorted(maps.Keys(s.books.shelves)) {
		mine, stock := *s.books.shelves[sku], theirs[sku]
		c.SKUs++
		c.Mine.add(mine.onHand, 0, mine.committed)
		c.Theirs.add(stock.GetOnHand(), stock.GetReserved(), stock.GetCommitted())
		if mine.onHand != stock.GetOnHand() || stock.GetReserved() != 0 || mine.committed != stock.GetCommitted() {
			c.differs("sku %s: on hand %d, reserved 0, committed %d in the books; %d, %d, %d at stockhold",
				sku, mine.onHand, mine.committed, stock.GetOnHand(), stock.GetReserved(), stock.GetCommitted())
		}
		if available := stock.GetOnHand() - stock.GetReserved() - stock.GetCommitted(); available != stock.GetAvailable() {
			c.differs("sku %s: stockhold says that %d are available, and its own figures %d", sku, stock.GetAvailable(), available)
		}
	}
	return nil
}

func (s *shop) readStock(ctx context.Context) (map[string]*stockholdv1.Stock, error) {
	all := map[string]*stockholdv1.Stock{}
	request := &stockholdv1.ListStockRequest{LocationId: s.run, PageSize: pageSize}
	for {
		page, err := read(ctx, s.wire, "a page of stock", request, s.wire.inventory.ListStock)
		if err != nil {
			return nil, err
		}
		for _, stock := range page.GetStocks() {
			all[stock.GetSku()] = stock
		}
		request.PageToken = page.GetNextPageToken()
		if request.PageToken == "" {
			return all, nil
		}
	}
}

func (u *Units) add(onHand, reserved, committed int64) {
	u.OnHand += onHand
	u.Reserved += reserved
	u.Committed += committed
}
