package audit

import (
	"context"
	"fmt"
	"strconv"

	"stockhold/internal/store"
	"stockhold/inventory"
	"stockhold/reservation"
)

// walkStocks goes through the stock rows in the order of (sku, location), one
// page after the other, and sums the lines of the same skus against each page.
//
// A page is responsible for the keys behind the one before it, up to its own
// end: so every line is counted against exactly one page, also a line that no
// stock row knows.
func (a *auditor) walkStocks(ctx context.Context) error {
	var counted int64
	for from := (end{}); !from.open; {
		page, to, err := a.stockPage(ctx, from)
		if err != nil {
			return err
		}
		n, err := a.sumLines(ctx, page, from, to)
		if err != nil {
			return err
		}
		counted += n
		a.report.Ledger.Stocks += int64(len(page))
		from = to
	}
	if total := a.report.Ledger.Lines; counted != total {
		a.report.add(LinesBySKU, Difference{Expected: units(total, "line"), Found: units(counted, "line")})
	}
	return nil
}

// end is where a page of stock rows ends.
type end struct {
	key   inventory.Key
	whole bool // at the last key of its sku, whether or not that has a stock row
	open  bool // at the end of the table
}

// before reports whether a key lies behind the end.
func (e end) before(key inventory.Key) bool {
	switch {
	case e.open:
		return false
	case key.SKU != e.key.SKU:
		return key.SKU > e.key.SKU
	}
	return !e.whole && key.Location > e.key.Location
}

// stockPage reads the page behind an end. It leaves the last sku to the next
// page, unless that is all there is: of a sku that is cut in two, the lines are
// read twice.
func (a *auditor) stockPage(ctx context.Context, from end) ([]inventory.Stock, end, error) {
	page, err := a.snapshot.Stocks(ctx, from.key, a.opts.Page)
	if err != nil || len(page) < a.opts.Page {
		return page, end{open: true}, err
	}
	last := page[len(page)-1].Key
	if page[0].SKU == last.SKU {
		return page, end{key: last}, nil
	}
	n := len(page)
	for page[n-1].SKU == last.SKU {
		n--
	}
	return page[:n], end{key: page[n-1].Key, whole: true}, nil
}

// sums are what the lines of a stock row add up to.
type sums struct{ reserved, committed int64 }

// sumLines adds up the lines that lie between two ends, checks the page's stock
// rows against them, and returns how many there were.
func (a *auditor) sumLines(ctx context.Context, page []inventory.Stock, from, to end) (counted int64, err error) {
	added := make(map[inventory.Key]*sums, len(page))
	for _, stock := range page {
		added[stock.Key] = &sums{}
	}
	lines := a.linesBetween(ctx, from, to)
	for line := lines.next(); line != nil; line = lines.next() {
		if !from.before(line.Line.Key) || to.before(line.Line.Key) {
			continue
		}
		counted++
		sum := added[line.Line.Key]
		switch {
		case sum == nil:
			a.report.add(LineWithoutStock, Difference{
				Location: line.Location, SKU: line.SKU, ReservationKey: line.ReservationKey,
				Expected: "a stock row", Found: fmt.Sprintf("none, and a line of %d (%s)", line.Quantity, line.State),
			})
		case line.State == reservation.Reserved:
			sum.reserved += line.Quantity
		case line.State == reservation.Confirmed:
			sum.committed += line.Quantity
		}
	}
	if lines.err != nil {
		return counted, lines.err
	}
	for i := range page {
		a.checkStock(&page[i], *added[page[i].Key])
	}
	return counted, nil
}

func (a *auditor) linesBetween(ctx context.Context, from, to end) *lineStream {
	start := store.FirstOf(from.key.SKU)
	if from.whole {
		start = store.LastOf(from.key.SKU)
	}
	return newLineStream(start, a.opts.Page, func(after store.AuditLine) ([]store.AuditLine, error) {
		page, err := a.snapshot.LinesBySKU(ctx, after, to.key.SKU, a.opts.Page)
		a.linesBySKU += int64(len(page))
		a.opts.Progress("lines by sku", a.linesBySKU)
		return page, err
	})
}

func (a *auditor) checkStock(stock *inventory.Stock, sum sums) {
	differs := func(kind Kind, expected, found int64) {
		a.report.add(kind, Difference{Location: stock.Location, SKU: stock.SKU,
			Expected: strconv.FormatInt(expected, 10), Found: strconv.FormatInt(found, 10)})
	}
	if stock.Reserved != sum.reserved {
		differs(Reserved, sum.reserved, stock.Reserved)
	}
	if stock.Committed != sum.committed {
		differs(Committed, sum.committed, stock.Committed)
	}
	if stock.OnHand < 0 {
		differs(OnHandBelowZero, 0, stock.OnHand)
	}
	if stock.Available() < 0 {
		differs(AvailableBelowZero, 0, stock.Available())
	}
}
