package operator

import (
	"context"
	"math"
	"slices"

	"stockhold/inventory"
	"stockhold/reservation"
	"stockhold/sweeper"
)

// Rebuilt is one page of a rebuild.
type Rebuilt struct {
	sweeper.Rebuilt
	LookedAt int           // rows of the ledger
	Unknown  []string      // skus of the request of which the ledger has no row
	Next     inventory.Key // where the next page begins; only with More
	More     bool
}

// Rebuild renews a page of the gate's rows: those of the skus, or all, after a key.
//
// It walks the ledger's rows and not the gate's, because a place in the ledger's
// order stays good while the gate is emptied, fails over or grows, and because
// every page then costs the same, on whatever kind of gate. Rows of the gate that
// the ledger does not have are the sweeper's to drop.
func (d *Desk) Rebuild(ctx context.Context, skus []string, after inventory.Key, limit int) (Rebuilt, error) {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	limit, err := d.service.Limits().CheckListing("", skus, limit, math.MaxInt)
	if err != nil {
		return Rebuilt{}, err
	}
	var page Rebuilt
	var keys []inventory.Key
	if len(skus) == 0 {
		keys, err = d.pageOfAll(ctx, &page, after, limit)
	} else {
		keys, err = d.pageOfSKUs(ctx, &page, skus, after, limit)
	}
	if err != nil {
		return Rebuilt{}, unavailable("read what the ledger has", err)
	}
	page.LookedAt = len(keys)
	if d.gate != nil && len(keys) > 0 {
		if page.Rebuilt, err = sweeper.Rebuild(ctx, d.store, d.gate, keys); err != nil {
			return Rebuilt{}, unavailable("rebuild the gate", err)
		}
	}
	if after == (inventory.Key{}) {
		d.opts.Logger.Info("an operator has the gate rebuilt", "skus", len(skus))
	}
	return page, nil
}

func (d *Desk) pageOfAll(ctx context.Context, page *Rebuilt, after inventory.Key, limit int) ([]inventory.Key, error) {
	rows, err := d.store.StockPage(ctx, "", "", after, limit)
	if len(rows) == limit {
		page.Next, page.More = rows[limit-1].Key, true
	}
	return keysOf(rows), err
}

// pageOfSKUs goes through the skus in order, each at all its locations. A sku that
// the ledger does not have costs a look, too, and so counts for one row of the page.
func (d *Desk) pageOfSKUs(ctx context.Context, page *Rebuilt, skus []string, after inventory.Key, limit int) ([]inventory.Key, error) {
	var keys []inventory.Key
	for _, sku := range SortSKUs(skus) {
		if sku < after.SKU {
			continue
		}
		if sku > after.SKU {
			after = inventory.Key{SKU: sku}
		}
		left := limit - len(keys) - len(page.Unknown)
		if left == 0 {
			page.Next, page.More = after, true
			break
		}
		rows, err := d.store.StockPage(ctx, sku, "", after, left)
		if err != nil {
			return nil, err
		}
		keys = append(keys, keysOf(rows)...)
		switch {
		case len(rows) == left: // there may be more locations
			page.Next, page.More = rows[left-1].Key, true
			return keys, nil
		case len(rows) == 0 && after.Location == "":
			page.Unknown = append(page.Unknown, sku)
		}
	}
	return keys, nil
}

// SortSKUs is the order in which a rebuild goes through skus, each once.
func SortSKUs(skus []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(skus)))
}

func keysOf(rows []inventory.Stock) []inventory.Key {
	keys := make([]inventory.Key, len(rows))
	for i, row := range rows {
		keys[i] = row.Key
	}
	return keys
}

var _ Service = (*reservation.Service)(nil)
