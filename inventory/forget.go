package inventory

import (
	"context"
	"fmt"
	"slices"
)

// Forget removes the rows of the keys, whatever they hold, and returns how many
// there were; after an error, how many were gone by then. It is safe at any moment:
// the next freeze finds such a row not loaded, and holds that are pending on it give
// their units back to nothing.
//
// Drop is for rows that are thought to be wrong and may have been mended meanwhile.
// This is for those who load the rows again afterwards, with views that they read
// after this call: no view that went with a row can be newer than those.
func (g *Gate) Forget(ctx context.Context, keys []Key) (forgotten int, err error) {
	for some := range slices.Chunk(keys, rowsPerTrip) {
		names := make([]string, len(some))
		for i, key := range some {
			names[i] = g.keys.row(key)
		}
		var gone int64
		err := g.bounded(ctx, func(ctx context.Context) (err error) {
			gone, err = g.client.Unlink(ctx, names...).Result()
			return err
		})
		if err != nil {
			g.metrics.failed(ctx, "forget", err)
			return forgotten, fmt.Errorf("forget %d gate rows: %w", len(some), err)
		}
		forgotten += int(gone)
	}
	return forgotten, nil
}
