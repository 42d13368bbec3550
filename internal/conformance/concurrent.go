package conformance

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// Twice as many callers as units, at once: every unit finds a caller, and no more.
func testConcurrentTrysNeverOversell(t *testing.T, e *env) {
	const units, callers = 100, 200
	sku := e.sku(t, units)
	ids := make([]string, callers)
	for i := range ids {
		ids[i] = e.id()
	}
	errs := make([]error, callers)
	var group sync.WaitGroup
	for i, id := range ids {
		group.Go(func() { _, errs[i] = e.try(t, id, line(sku, 1)) })
	}
	group.Wait()
	held := 0
	for i, err := range errs {
		if err == nil {
			held++
			e.requireState(t, ids[i], stockholdv1.State_STATE_RESERVED)
			continue
		}
		requireRefused(t, err, stockholdv1.Reason_REASON_INSUFFICIENT_STOCK)
	}
	require.Equal(t, units, held)
	e.requireStock(t, sku, units, units, 0)

	// The same callers again: who has a unit keeps it, who has none gets none.
	for i, id := range ids {
		group.Go(func() {
			again, err := e.try(t, id, line(sku, 1))
			if (err == nil) != (errs[i] == nil) || err == nil && !again.GetReplayed() {
				t.Errorf("%s: %v before, now %v, %v", id, errs[i], again, err)
			}
		})
	}
	group.Wait()
	e.requireStock(t, sku, units, units, 0)
}

// A caller that repeats itself before it was answered holds once; all its Trys are
// answered OK, one of them as the first.
func testConcurrentRepeatsHoldOnce(t *testing.T, e *env) {
	const repeats = 30
	sku, id := e.sku(t, 2), e.id()
	var firsts atomic.Int64
	var group sync.WaitGroup
	for range repeats {
		group.Go(func() {
			answer, err := e.try(t, id, line(sku, 2))
			switch {
			case err != nil:
				t.Errorf("a repeat was refused: %v", err)
			case !answer.GetReplayed():
				firsts.Add(1)
			}
		})
	}
	group.Wait()
	require.Equal(t, int64(1), firsts.Load())
	e.requireStock(t, sku, 2, 2, 0)

	// Confirm and Cancel race: one of them wins, and the other is told so.
	var confirmed, canceled atomic.Int64
	group.Go(func() {
		if _, err := e.confirm(t, id); err == nil {
			confirmed.Add(1)
		}
	})
	group.Go(func() {
		if _, err := e.cancel(t, id); err == nil {
			canceled.Add(1)
		}
	})
	group.Wait()
	require.Equal(t, int64(1), confirmed.Load()+canceled.Load())
	e.requireStock(t, sku, 2, 0, 2*confirmed.Load())
}
