package reservation_test

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/store"
	"stockhold/internal/testservers"
	"stockhold/inventory"
	"stockhold/reservation"
)

// Somebody holds one stock row locked: the calls in the same batch that do not
// touch it go on after one lock wait, and those that do are told to repeat.
func TestALockedRowStopsOnlyItsOwnCalls(t *testing.T) {
	dsn := testservers.Database(t)
	opened, err := store.OpenMySQL(dsn, store.Options{})
	s := newShop(t, opened, err, &openGate{})
	const n = 16
	for i := range n {
		s.set(t, fmt.Sprintf("S%d", i), 10)
		require.NoError(t, s.try(t, fmt.Sprintf("held-%d", i), line(fmt.Sprintf("S%d", i), 1)).Err)
	}
	pool, err := sql.Open("mysql", dsn)
	require.NoError(t, err)
	defer pool.Close()
	locker, err := pool.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = locker.Exec("UPDATE stocks SET on_hand = on_hand WHERE sku = 'S3'")
	require.NoError(t, err)

	var ops []*reservation.Operation
	for i := range n {
		ops = append(ops,
			&reservation.Operation{Call: reservation.Try, ID: id(fmt.Sprint(i)), Lines: []inventory.Line{line(fmt.Sprintf("S%d", i), 1)}, TTL: time.Minute},
			&reservation.Operation{Call: reservation.Confirm, ID: id(fmt.Sprintf("held-%d", i)), By: reservation.ByCaller})
	}
	s.store.disturb(nil, nil)
	for i, answer := range s.Ledger().Do(t.Context(), ops) {
		if i/2 == 3 {
			require.ErrorIs(t, answer.Err, reservation.ErrUnavailable)
			require.ErrorIs(t, answer.Err, reservation.ErrLockWait)
			continue
		}
		require.NoError(t, answer.Err)
	}
	require.LessOrEqual(t, s.store.count("begin"), 6, "the locked row was found by looking, not by halving")

	require.NoError(t, locker.Rollback())
	require.Eventually(t, func() bool { return s.try(t, "3", line("S3", 1)).Err == nil }, 10*time.Second, 50*time.Millisecond)
	require.NoError(t, s.do(t, reservation.Confirm, "held-3").Err)
	row := s.stock(t, "S3")
	require.Equal(t, [3]int64{10, 1, 1}, [3]int64{row.OnHand, row.Reserved, row.Committed})
}
