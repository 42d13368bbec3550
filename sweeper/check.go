package sweeper

import (
	"context"
	"fmt"
	"hash/maphash"
	"time"

	"stockhold/internal/crashpoint"
	"stockhold/reservation"
)

// checkBack claims holds whose owners are to be asked, oldest first, asks, and
// acts, page by page, until none is due or the pass has done its share. Owners
// that are slow to answer make the share smaller.
func (s *Sweeper) checkBack(ctx context.Context, report *Report, asked *memory) (more bool, err error) {
	began := time.Now()
	for range pagesPerPass {
		s.adopt()
		claims, err := s.claim(ctx)
		if err != nil {
			return false, fmt.Errorf("claim holds to ask about: %w", err)
		}
		if len(claims) == 0 {
			return false, nil
		}
		crashpoint.Reach("sweep.claimed")
		claims = asked.fresh(claims)
		report.Due += len(claims)
		if err := s.act(ctx, report, s.ask(ctx, report, claims)); err != nil {
			return false, fmt.Errorf("act on the owners' answers: %w", err)
		}
		if ctx.Err() != nil {
			return false, nil
		}
		if time.Since(began) > s.opts.RequestTimeout {
			break
		}
	}
	return true, nil
}

// claim leases a page. A sweeper that dies now loses only its lease: nothing is
// counted against a hold until somebody was asked about it.
func (s *Sweeper) claim(ctx context.Context) ([]reservation.Claim, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return s.store.Claim(ctx, s.opts.Lease, s.opts.Page)
}

// memory knows which holds a run has claimed before, by a hash of their ids. A
// run that is to end must not go in circles with owners that say PENDING: a hold
// that it claims again is left to its lease, out of the way of the others.
type memory struct {
	seed maphash.Seed
	seen map[uint64]struct{}
}

func newMemory() *memory {
	return &memory{seed: maphash.MakeSeed(), seen: map[uint64]struct{}{}}
}

// fresh keeps the claims that are new, and knows them from then on. To a nil
// memory every claim is new.
func (m *memory) fresh(claims []reservation.Claim) []reservation.Claim {
	if m == nil {
		return claims
	}
	fresh := claims[:0]
	for _, c := range claims {
		hash := maphash.Comparable(m.seed, c.HoldID)
		if _, known := m.seen[hash]; !known {
			m.seen[hash] = struct{}{}
			fresh = append(fresh, c)
		}
	}
	return fresh
}
