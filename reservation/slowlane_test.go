package reservation_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
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
	require.Eventually(t, func() bool { return s.try(t, "3", line("S3", 1)).Err == nil }, time.Minute, 50*time.Millisecond)
	require.NoError(t, s.do(t, reservation.Confirm, "held-3").Err)
	row := s.stock(t, "S3")
	require.Equal(t, [3]int64{10, 1, 1}, [3]int64{row.OnHand, row.Reserved, row.Committed})
}

// lockedShop is a shop on MariaDB, and a stranger's transaction that holds rows.
func lockedShop(t *testing.T) (*shop, func(sql string) *sql.Tx) {
	t.Helper()
	dsn := testservers.Database(t)
	opened, err := store.OpenMySQL(dsn, store.Options{})
	s := newShop(t, opened, err, &openGate{})
	pool, err := sql.Open("mysql", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	return s, func(sql string) *sql.Tx {
		tx, err := pool.Begin()
		require.NoError(t, err)
		_, err = tx.Exec(sql)
		require.NoError(t, err)
		return tx
	}
}

// Every call of a batch is on the locked row: it costs one lock wait, not one for
// each halving, and the calls on other rows go on.
func TestABatchOnALockedRowIsNotHalved(t *testing.T) {
	for _, call := range []reservation.Call{reservation.Try, reservation.Confirm} {
		t.Run(call.String(), func(t *testing.T) {
			s, lock := lockedShop(t)
			const n = 32
			s.set(t, "HOT", 10*n)
			s.set(t, "OTHER", 1000)
			var ops []*reservation.Operation
			for i := range 2 * n {
				name := fmt.Sprintf("hot-%d", i)
				require.NoError(t, s.try(t, name, line("HOT", 1)).Err)
				op := &reservation.Operation{Call: reservation.Confirm, ID: id(name), By: reservation.ByCaller}
				if call == reservation.Try {
					op = &reservation.Operation{Call: reservation.Try, ID: id("new-" + name), Lines: []inventory.Line{line("HOT", 1)}, TTL: time.Minute}
				}
				ops = append(ops, op)
			}
			stranger := lock("UPDATE stocks SET on_hand = on_hand WHERE sku = 'HOT'")
			s.store.disturb(nil, nil)
			first, second := s.Ledger().Submit(t.Context(), ops[:n]), s.Ledger().Submit(t.Context(), ops[n:])
			for i := range 20 {
				require.NoError(t, s.try(t, fmt.Sprintf("other-%d", i), line("OTHER", 1)).Err)
			}
			for _, answer := range append(first.Wait(t.Context()), second.Wait(t.Context())...) {
				require.ErrorIs(t, answer.Err, reservation.ErrUnavailable)
			}
			require.NoError(t, stranger.Rollback())
			require.Less(t, s.store.count("begin"), 20+12)
			again := make([]*reservation.Operation, len(ops))
			for i, op := range ops {
				again[i] = &reservation.Operation{Call: op.Call, ID: op.ID, By: op.By, Lines: op.Lines, TTL: op.TTL}
			}
			for _, answer := range s.Ledger().Do(t.Context(), again) {
				require.NoError(t, answer.Err)
			}
		})
	}
}

// All calls of a batch wait for a row that cannot be seen, and is therefore not
// found by looking: a new one of a transaction that is still open. The batch is
// halved until one call alone has waited in vain, and the other halves go where
// that row is waited for once.
func TestALockThatNobodySeesIsWaitedForByFew(t *testing.T) {
	opened, err := store.OpenSQLite(filepath.Join(t.TempDir(), "ledger.db"), store.Options{})
	s := newShop(t, opened, err, &openGate{})
	ops := make([]*reservation.Operation, 16)
	for i := range ops {
		ops[i] = holding(fmt.Sprint(i), line("NEW", 1))
	}
	s.store.disturb(lockedFor(1000), nil)
	for _, answer := range s.all(t, ops...) {
		require.ErrorIs(t, answer.Err, reservation.ErrLockWait)
	}
	// Batches of 16, 8, 4, 2 and 1 wait, each looks for the lock afterwards, and every other
	// operation is alone at worst.
	require.LessOrEqual(t, s.store.count("lock stocks"), 5+5+15)
}

// Calls whose COMMIT got no reply are in doubt for good: whatever they wait for
// afterwards, nobody is told that nothing was done.
func TestWhatIsInDoubtIsNeverOverloaded(t *testing.T) {
	s, lock := lockedShop(t)
	s.set(t, "S1", 10)
	s.set(t, "S2", 10)
	var stranger *sql.Tx
	s.store.disturb(nil, once("commit", func() error { // done, without a reply, and the rows stay locked
		stranger = lock("UPDATE stocks SET on_hand = on_hand")
		return errReplyLost
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	ops := []*reservation.Operation{
		{Call: reservation.Try, ID: id("A"), Lines: []inventory.Line{line("S1", 1)}, TTL: time.Minute},
		{Call: reservation.Try, ID: id("B"), Lines: []inventory.Line{line("S2", 1)}, TTL: time.Minute},
		{Call: reservation.Confirm, ID: id("nobody"), By: reservation.ByCaller},
	}
	for _, answer := range s.Ledger().Do(ctx, ops) {
		require.ErrorIs(t, answer.Err, reservation.ErrInDoubt)
	}
	require.NoError(t, stranger.Rollback())
	for _, name := range []string{"A", "B"} {
		r, err := s.Get(t.Context(), id(name))
		require.NoError(t, err)
		require.Equal(t, reservation.Reserved, r.State)
	}
}
