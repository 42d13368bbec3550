package sweeper

import (
	"context"
	"fmt"
)

const purgePage = 500 // rows that one transaction deletes

// purge deletes what ended long ago, in chunks that block nobody for long. What
// is deleted is the ledger's word: a later call on such an id finds nothing, so a
// Cancel is answered CANCELED even for goods that were shipped.
func (s *Sweeper) purge(ctx context.Context, report *Report) (more bool, err error) {
	for range pagesPerPass {
		purged, err := s.purgeChunk(ctx)
		report.Purged += purged
		if err != nil {
			return false, fmt.Errorf("purge what ended long ago: %w", err)
		}
		if purged == 0 {
			return false, nil
		}
	}
	return true, nil
}

func (s *Sweeper) purgeChunk(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return s.store.Purge(ctx, s.opts.Retention, purgePage)
}
