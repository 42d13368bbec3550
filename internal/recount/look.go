package recount

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/client"
	"stockhold/inventory"
)

const (
	bigPage   = 500 // what servers give at most, unless they are configured to give less
	lookAtOne = 8   // locations that are listed at once
	sparePage = 20  // pages that are read of a location beyond what the file's rows could fill twice
)

// known is what the server has, as far as it was listed: one page holds as much as
// hundreds of reads.
type known struct {
	mu       sync.Mutex
	onHand   map[inventory.Key]int64
	complete map[string]bool // locations of which all rows were seen: one that was not is not there
}

// look lists the locations of the file. Of one that has far more rows than the file
// it soon stops: those that were not met are read one by one, when it is their turn.
func (r *run) look(ctx context.Context) (*known, error) {
	k := &known{onHand: make(map[inventory.Key]int64, len(r.rows)), complete: map[string]bool{}}
	wanted := make(map[inventory.Key]struct{}, len(r.rows))
	rows := map[string]int{}
	for _, row := range r.rows {
		wanted[row.Key] = struct{}{}
		rows[row.Location]++
	}
	var looks errgroup.Group
	looks.SetLimit(lookAtOne)
	for location, n := range rows {
		looks.Go(func() error { return r.lookAt(ctx, k, wanted, location, 2*n/bigPage+sparePage) })
	}
	return k, looks.Wait()
}

func (r *run) lookAt(ctx context.Context, k *known, wanted map[inventory.Key]struct{}, location string, pages int) error {
	request := &stockholdv1.ListStockRequest{LocationId: location, PageSize: bigPage}
	for range pages {
		page, err := client.Repeat(ctx, r.opts.Patience, func(ctx context.Context) (*stockholdv1.ListStockResponse, error) {
			return r.server.ListStock(ctx, request)
		})
		var failure *client.Failure
		if errors.As(err, &failure) && failure.Kind == client.Unusable && request.PageSize != 0 {
			request.PageSize = 0 // this server gives less: as much as it likes, then
			continue
		}
		if err != nil {
			return err
		}
		k.mu.Lock()
		for _, stock := range page.GetStocks() {
			key := inventory.Key{Location: stock.GetLocationId(), SKU: stock.GetSku()}
			if _, ok := wanted[key]; ok {
				k.onHand[key] = stock.GetOnHand()
			}
		}
		k.complete[location] = page.GetNextPageToken() == ""
		k.mu.Unlock()
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			return nil
		}
	}
	return nil
}

// of tells what is known of a row: what is there, whether there is one, and whether
// that is known at all.
func (k *known) of(key inventory.Key) (onHand int64, there, sure bool) {
	onHand, there = k.onHand[key]
	return onHand, there, there || k.complete[key.Location]
}
