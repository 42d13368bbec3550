package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/store"
	"stockhold/reservation"
)

// parkedPages walks the parked holds to the last page.
func parkedPages(t *testing.T, s *store.Store, owner string, limit int) (names []string) {
	t.Helper()
	for after := int64(0); ; {
		page, next, err := s.Parked(t.Context(), owner, after, limit)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), limit)
		for _, r := range page {
			require.True(t, r.Parked())
			require.Len(t, r.Lines, 1)
			names = append(names, r.Owner+"/"+r.ID)
		}
		if next == 0 {
			return names
		}
		require.Greater(t, next, after)
		after = next
	}
}

// Parked holds are listed in the order in which they were made, of all owners or of
// one, each once, whatever the size of a page; and no longer once they are decided
// or extended.
func TestParkedHoldsAreListedInOrder(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store.Store) {
		service := serve(t, s)
		stocked(t, service, "A", 1000)
		var all, one []string
		var ops []*reservation.Operation
		for i := range 12 {
			owner := "asks"
			if i%3 == 0 {
				owner = "other"
			}
			holdID := holdFor(t, service, owner, fmt.Sprintf("p%02d", i), time.Minute)
			holdFor(t, service, owner, fmt.Sprintf("n%02d", i), time.Minute) // which is not parked
			r, err := service.Get(t.Context(), holdID)
			require.NoError(t, err)
			// The first are asked again last: the order is not that of the next check.
			ops = append(ops, &reservation.Operation{ID: holdID, Defer: &reservation.Deferral{
				Lease: r.NextCheckAt, Delay: time.Duration(20-i) * time.Minute, Checks: 1 + i, Park: true}})
			all = append(all, owner+"/"+holdID.ID)
			if owner == "other" {
				one = append(one, owner+"/"+holdID.ID)
			}
		}
		for _, answer := range service.Ledger().Do(t.Context(), ops) {
			require.NoError(t, answer.Err)
		}
		for _, limit := range []int{1, 5, 12, 100} {
			require.Equal(t, all, parkedPages(t, s, "", limit))
			require.Equal(t, one, parkedPages(t, s, "other", limit))
			require.Empty(t, parkedPages(t, s, "nobody", limit))
		}

		require.NoError(t, service.Do(t.Context(), []reservation.Request{{ID: ops[0].ID, Call: reservation.Confirm, By: reservation.ByOperator}})[0].Err)
		require.NoError(t, service.Do(t.Context(), []reservation.Request{{ID: ops[1].ID, Call: reservation.Extend, TTL: time.Hour}})[0].Err)
		require.Equal(t, all[2:], parkedPages(t, s, "", 3))
	})
}
