package quota

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/inventory"
)

// books is a ledger that says what a test says.
type books struct {
	mu    sync.Mutex
	held  map[string]int64
	err   error
	known []inventory.HoldID
	reads atomic.Int64
	begun chan struct{} // if set: a reading has begun, and
	let   chan struct{} // ends with this
}

func (b *books) Held(_ context.Context, owner string) (int64, error) {
	b.reads.Add(1)
	b.mu.Lock()
	units, err := b.held[owner], b.err
	b.mu.Unlock()
	if b.begun != nil {
		b.begun <- struct{}{}
		<-b.let
	}
	return units, err
}

func (b *books) Known(context.Context, []inventory.HoldID) ([]inventory.HoldID, error) {
	return b.known, b.err
}

func holdingsOf(b *books) *Holdings { return NewHoldings(b, slog.New(slog.DiscardHandler)) }

func TestHeldUnitsAreBounded(t *testing.T) {
	b := &books{held: map[string]int64{"shop-a": 90}}
	h := holdingsOf(b)
	take := func(units int64) bool { return h.Take(t.Context(), "shop-a", units, 100) }
	require.True(t, take(6), "90 by the ledger")
	require.False(t, take(5), "what is under way counts")
	h.Done("shop-a", 6, true)
	require.False(t, take(5), "and so does what was answered")
	require.True(t, take(4))
	h.Done("shop-a", 4, false)
	require.True(t, take(4), "what was refused does not")
	h.Done("shop-a", 4, true)
	require.False(t, take(1))
	h.Gave("shop-a", 10)
	require.True(t, take(10))
	h.Done("shop-a", 10, false)

	require.True(t, h.Take(t.Context(), "shop-b", 100, 100), "others have sums of their own")
	require.Equal(t, int64(2), b.reads.Load())

	b.held["shop-a"] = 20
	h.owners["shop-a"].next = time.Time{}
	h.readAll(t.Context())
	require.True(t, take(80), "the ledger knows better")
	require.False(t, take(1))
}

// counted is a ledger that adds up when it is asked, and no sooner.
type counted struct {
	*books
	held *atomic.Int64
}

func (c counted) Held(context.Context, string) (int64, error) { return c.held.Load(), nil }

// However many ask at once, one process lets in what fits, while readings go on.
func TestOneProcessNeverExceedsTheLimit(t *testing.T) {
	var held atomic.Int64
	h := NewHoldings(counted{&books{}, &held}, slog.New(slog.DiscardHandler))
	stop := make(chan struct{})
	var reading, callers sync.WaitGroup
	reading.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				h.mu.Lock()
				o := h.owner("shop-a")
				h.mu.Unlock()
				h.look(t.Context(), "shop-a", o)
			}
		}
	})
	for range 8 {
		callers.Go(func() {
			for range 500 {
				if h.Take(t.Context(), "shop-a", 3, 1000) {
					held.Add(3) // committed, and then answered
					h.Done("shop-a", 3, true)
				}
			}
		})
	}
	callers.Wait()
	close(stop)
	reading.Wait()
	require.LessOrEqual(t, held.Load(), int64(1000))
	require.Greater(t, held.Load(), int64(900), "it is no wall either")
}

// What is taken while a reading is under way may be in it or not: it counts, and
// what is given back meanwhile does not.
func TestReadingsMissNothing(t *testing.T) {
	b := &books{held: map[string]int64{"shop-a": 10}}
	h := holdingsOf(b)
	require.True(t, h.Take(t.Context(), "shop-a", 5, 100))
	h.Done("shop-a", 5, true)
	b.begun, b.let = make(chan struct{}), make(chan struct{})
	b.held["shop-a"] = 15 // the ledger has seen the five, and not yet what follows
	h.owners["shop-a"].next = time.Time{}
	var reading sync.WaitGroup
	reading.Go(func() { h.readAll(t.Context()) })
	<-b.begun
	require.True(t, h.Take(t.Context(), "shop-a", 80, 100), "10 and 5 and 80")
	h.Done("shop-a", 80, true)
	h.Gave("shop-a", 50)
	b.let <- struct{}{}
	reading.Wait()
	require.False(t, h.Take(t.Context(), "shop-a", 6, 100))
	require.True(t, h.Take(t.Context(), "shop-a", 5, 100))
}

// A sum that cannot be read is not waited for time and again.
func TestUnknownSumsDoNotStopSales(t *testing.T) {
	b := &books{held: map[string]int64{}, err: errors.New("gone")}
	h := holdingsOf(b)
	for range 100 {
		require.True(t, h.Take(t.Context(), "shop-a", 1000, 10))
		h.Done("shop-a", 1000, true)
	}
	require.Equal(t, int64(1), b.reads.Load())
	b.err = nil
	h.owners["shop-a"].next = time.Time{}
	h.readAll(t.Context())
	require.True(t, h.Take(t.Context(), "shop-a", 10, 10))
	require.False(t, h.Take(t.Context(), "shop-a", 1, 10))
}

func TestOwnersThatAreIdleAreForgotten(t *testing.T) {
	b := &books{held: map[string]int64{}}
	h := holdingsOf(b)
	require.True(t, h.Take(t.Context(), "idle", 1, 10))
	h.Done("idle", 1, true)
	require.True(t, h.Take(t.Context(), "busy", 1, 10)) // and not done
	for _, o := range h.owners {
		o.used = time.Now().Add(-2 * holdingsForget)
	}
	h.readAll(t.Context())
	require.NotContains(t, h.owners, "idle")
	require.Contains(t, h.owners, "busy")
}

func TestLookupsAreBounded(t *testing.T) {
	id := inventory.HoldID{Owner: "shop-a", ID: "1"}
	h := holdingsOf(&books{known: []inventory.HoldID{id}})
	known, err := h.Known(t.Context(), []inventory.HoldID{id, {Owner: "shop-a", ID: "2"}})
	require.NoError(t, err)
	require.Equal(t, map[inventory.HoldID]bool{id: true}, known)
	for range mostLookups {
		h.lookups <- struct{}{}
	}
	_, err = h.Known(t.Context(), []inventory.HoldID{id})
	require.ErrorIs(t, err, ErrBusy)
}
