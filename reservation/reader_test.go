package reservation

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/inventory"
)

// oldRows answers its first read with what was there when the test lets it go.
type oldRows struct {
	Store
	began  chan struct{}
	answer chan []inventory.Stock
}

func (s *oldRows) Stocks(context.Context, []inventory.Key) ([]inventory.Stock, error) {
	s.began <- struct{}{}
	return <-s.answer, nil
}

// A call that comes while a read is under way waits for the next: the one under
// way may have seen what was there before the call.
func TestAReadBeginsAfterTheCall(t *testing.T) {
	store := &oldRows{began: make(chan struct{}), answer: make(chan []inventory.Stock)}
	r := newReader(store, 1)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	done := make(chan struct{})
	go func() { defer close(done); r.run(ctx) }()
	defer func() { stop(); <-done }()

	key := inventory.Key{Location: "here", SKU: "A"}
	available := func(answered chan<- int64) {
		found, err := r.look(ctx, []inventory.Key{key}, nil)
		if err != nil {
			t.Error(err)
			answered <- -1
			return
		}
		answered <- found.stocks[key].Available()
	}
	first, second := make(chan int64, 1), make(chan int64, 1)
	go available(first)
	<-store.began
	go available(second)
	require.Eventually(t, func() bool { return len(r.waiting) == 1 }, time.Minute, time.Millisecond)
	store.answer <- []inventory.Stock{{Key: key}}
	require.Zero(t, <-first)
	select {
	case <-store.began:
		store.answer <- []inventory.Stock{{Key: key, OnHand: 5}}
		require.Equal(t, int64(5), <-second)
	case n := <-second:
		t.Errorf("it was answered %d by a read that began before it", n)
	}
}
