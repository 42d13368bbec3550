package reservation_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/store"
	"stockhold/inventory"
	"stockhold/reservation"
)

// heldReads keeps reads behind refusals under way until they are let go.
type heldReads struct {
	reservation.Store
	begun chan struct{}
	let   chan struct{}
}

func (r *heldReads) Stocks(ctx context.Context, keys []inventory.Key) ([]inventory.Stock, error) {
	select {
	case r.begun <- struct{}{}:
	default:
	}
	<-r.let
	return r.Store.Stocks(ctx, keys)
}

// A storm on something that is sold out has only so much room: beyond it, calls
// that the gate would refuse are turned away unread. Those that it lets through go
// on, and so do those that it stops for other goods, if the ledger has them.
func TestStormLeavesRoom(t *testing.T) {
	const (
		calm = 100 // calls in a second for one row that are no storm yet
		room = 4   // for those in a storm
		away = 36
	)
	opened, err := store.OpenSQLite(filepath.Join(t.TempDir(), "ledger.db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, opened.Close()) })
	_, err = opened.Migrate(t.Context())
	require.NoError(t, err)
	reads := &heldReads{Store: opened, begun: make(chan struct{}, 1), let: make(chan struct{})}
	service := reservation.New(reads, soldOut{"B", "C"}, reservation.Options{MaxStopped: room, CallTimeout: 10 * time.Minute})
	run(t, service)
	for _, sku := range []string{"A", "B", "C"} {
		change := inventory.Change{Key: key(sku), Set: true, Amount: 1}
		require.NoError(t, service.Change(t.Context(), []inventory.Change{change})[0].Err)
	}

	var storm sync.WaitGroup
	let := sync.OnceFunc(func() { close(reads.let) })
	defer storm.Wait()
	defer let()
	answers := make(chan error, calm+room+away)
	// At one moment: on a busy machine, so many calls may come over some seconds.
	requests := make([]reservation.TryRequest, calm)
	for i := range requests {
		requests[i] = reservation.TryRequest{ID: id(fmt.Sprint("calm-", i)), Lines: []inventory.Line{line("B", 2)}}
	}
	storm.Go(func() {
		for _, answer := range service.Try(t.Context(), requests) {
			answers <- answer.Err
		}
	})
	<-reads.begun
	for i := range room + away {
		storm.Go(func() {
			answers <- service.Try(t.Context(), []reservation.TryRequest{{ID: id(fmt.Sprint(i)), Lines: []inventory.Line{line("B", 2)}}})[0].Err
		})
	}
	require.Eventually(t, func() bool { return len(answers) == away }, 30*time.Second, time.Millisecond,
		"those for whom there is no room are to be answered while nobody is let go")
	for range away {
		refusal := requireReason(t, reservation.Overloaded, <-answers)
		require.Positive(t, refusal.RetryAfter)
	}
	require.NoError(t, service.Try(t.Context(), []reservation.TryRequest{{ID: id("other"), Lines: []inventory.Line{line("A", 1)}}})[0].Err)
	stopped := make(chan error, 1)
	storm.Go(func() {
		stopped <- service.Try(t.Context(), []reservation.TryRequest{{ID: id("spoken-for"), Lines: []inventory.Line{line("C", 1)}}})[0].Err
	})
	let()
	require.NoError(t, <-stopped)
	for range calm + room {
		requireReason(t, reservation.InsufficientStock, <-answers)
	}
	requireReason(t, reservation.InsufficientStock,
		service.Try(t.Context(), []reservation.TryRequest{{ID: id("later"), Lines: []inventory.Line{line("B", 2)}}})[0].Err)
}

// soldOut is a gate that stops whoever wants one of some skus.
type soldOut []string

func (g soldOut) Freeze(_ context.Context, holds []inventory.Hold) []inventory.Freeze {
	out := make([]inventory.Freeze, len(holds))
	for i, h := range holds {
		for j, l := range h.Lines {
			if slices.Contains(g, l.SKU) {
				out[i].Outcome = inventory.Insufficient
				out[i].Lines = append(out[i].Lines, j)
			}
		}
	}
	return out
}

func (soldOut) Settle(context.Context, []inventory.View, []inventory.HoldID) error { return nil }
