package reservation_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

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
// that the gate would refuse are turned away unread, while those that it lets
// through go on.
func TestStormLeavesRoom(t *testing.T) {
	const room = 4
	opened, err := store.OpenSQLite(filepath.Join(t.TempDir(), "ledger.db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, opened.Close()) })
	_, err = opened.Migrate(t.Context())
	require.NoError(t, err)
	reads := &heldReads{Store: opened, begun: make(chan struct{}, 1), let: make(chan struct{})}
	service := reservation.New(reads, soldOut("B"), reservation.Options{MaxStopped: room})
	run(t, service)
	for _, sku := range []string{"A", "B"} {
		change := inventory.Change{Key: key(sku), Set: true, Amount: 1}
		require.NoError(t, service.Change(t.Context(), []inventory.Change{change})[0].Err)
	}

	var storm sync.WaitGroup
	let := sync.OnceFunc(func() { close(reads.let) })
	defer storm.Wait()
	defer let()
	answers := make(chan error, 10*room)
	for i := range 10 * room {
		storm.Go(func() {
			answers <- service.Try(t.Context(), []reservation.TryRequest{{ID: id(fmt.Sprint(i)), Lines: []inventory.Line{line("B", 2)}}})[0].Err
		})
	}
	for range 9 * room { // those for whom there is no room, while nobody is let go
		refusal := requireReason(t, reservation.Overloaded, <-answers)
		require.Positive(t, refusal.RetryAfter)
	}
	<-reads.begun
	require.NoError(t, service.Try(t.Context(), []reservation.TryRequest{{ID: id("other"), Lines: []inventory.Line{line("A", 1)}}})[0].Err)
	let()
	for range room {
		requireReason(t, reservation.InsufficientStock, <-answers)
	}
	requireReason(t, reservation.InsufficientStock,
		service.Try(t.Context(), []reservation.TryRequest{{ID: id("later"), Lines: []inventory.Line{line("B", 2)}}})[0].Err)
}

// soldOut is a gate that stops whoever wants one sku.
type soldOut string

func (g soldOut) Freeze(_ context.Context, holds []inventory.Hold) []inventory.Freeze {
	out := make([]inventory.Freeze, len(holds))
	for i, h := range holds {
		for j, l := range h.Lines {
			if l.SKU == string(g) {
				out[i].Outcome = inventory.Insufficient
				out[i].Lines = append(out[i].Lines, j)
			}
		}
	}
	return out
}

func (soldOut) Settle(context.Context, []inventory.View, []inventory.HoldID) error { return nil }
