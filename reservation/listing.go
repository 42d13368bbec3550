package reservation

import (
	"fmt"

	"stockhold/inventory"
)

// CheckListing refuses a listing that is not the service's own by the rules of
// those that are: an owner and skus, where they are named, must be well formed, and
// there are at most as many skus as a batch may have items. It returns the size of
// the page, which is the given default where none was asked for.
func (l Limits) CheckListing(owner string, skus []string, pageSize, byDefault int) (int, error) {
	c := checker{limits: l}
	if owner != "" {
		c.id("owner", owner)
	}
	if len(skus) > l.Batch {
		c.fault("skus", "has %d skus, may have at most %d", len(skus), l.Batch)
	}
	for i, sku := range skus {
		c.sku(fmt.Sprintf("skus[%d]", i), sku)
	}
	pageSize = defaultTo(pageSize, min(byDefault, l.PageSize))
	c.between("page_size", int64(pageSize), 1, int64(l.PageSize))
	return pageSize, c.refusal()
}

// CheckRecount refuses what no server with these limits would set.
func (l Limits) CheckRecount(key inventory.Key, onHand int64) error {
	c := checker{limits: l}
	c.change(inventory.Change{ID: "recount", Key: key, Set: true, Amount: onHand})
	return c.refusal()
}
