package reservation_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/store"
	"stockhold/inventory"
	"stockhold/reservation"
)

// OVERLOADED means that nothing was done, nor will be: an operation that its
// caller gave up in the queue is passed over, and those around it are done.
func TestWhatWasGivenUpInTheQueueIsNeverDone(t *testing.T) {
	opened, err := store.OpenSQLite(filepath.Join(t.TempDir(), "ledger.db"), store.Options{})
	s := newShopWith(t, opened, err, &openGate{}, oneCommitter)
	s.set(t, "A", 10)

	begun, proceed := make(chan struct{}), make(chan struct{})
	s.store.disturb(once("begin", func() error { close(begun); <-proceed; return nil }), nil)
	first := s.Ledger().Submit(t.Context(), []*reservation.Operation{holding("first", line("A", 1))})
	<-begun
	impatient, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	givenUp := s.Ledger().Submit(t.Context(), []*reservation.Operation{holding("given-up", line("A", 1))})
	refusal := requireReason(t, reservation.Overloaded, givenUp.Wait(impatient)[0].Err)
	require.Positive(t, refusal.RetryAfter)
	close(proceed)
	require.NoError(t, first.Wait(t.Context())[0].Err)

	require.NoError(t, s.all(t, holding("last", line("A", 1)))[0].Err) // the one committer has been past it
	require.Equal(t, int64(2), s.stock(t, "A").Reserved)
	_, err = s.Get(t.Context(), id("given-up"))
	requireReason(t, reservation.NotFound, err)
	require.Equal(t, []inventory.Line{line("A", 1)}, s.do(t, reservation.Confirm, "last").Reservation.Lines)
}
