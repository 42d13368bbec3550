package reservation_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/store"
	"stockhold/internal/testservers"
	"stockhold/inventory"
	"stockhold/reservation"
)

// twoShops are two processes on one MariaDB: what one does between two steps of
// the other's transaction happens at once. SQLite has one writer, and no between.
func twoShops(t *testing.T) (s, other *shop) {
	t.Helper()
	dsn := testservers.Database(t)
	open := func() *shop {
		opened, err := store.OpenMySQL(dsn, store.Options{})
		return newShop(t, opened, err, &openGate{})
	}
	return open(), open()
}

func (s *shop) change(t *testing.T, change inventory.Change) reservation.Answer {
	t.Helper()
	return s.Change(t.Context(), []inventory.Change{change})[0]
}

// A known adjustment id replays, whatever became of the row since: looked at
// again, the recount would be STALE and the delta would go below zero.
func TestAKnownAdjustmentReplaysFirst(t *testing.T) {
	onEachStore(t, func(t *testing.T, open func() *shop) {
		s := open()
		none := int64(0)
		recount := inventory.Change{ID: "recount", Key: key("A"), Set: true, Amount: 5, Expected: &none}
		taken := inventory.Change{ID: "taken", Key: key("A"), Amount: -5}
		require.NoError(t, s.change(t, recount).Err)
		requireReason(t, reservation.Stale, s.change(t, inventory.Change{ID: "stale", Key: key("A"), Set: true, Amount: 7, Expected: &none}).Err)
		require.NoError(t, s.change(t, taken).Err)
		for _, again := range []inventory.Change{recount, taken} {
			answer := s.change(t, again)
			require.NoError(t, answer.Err, again.ID)
			require.True(t, answer.Replayed)
			require.Zero(t, answer.Stock.OnHand)
		}
		requireReason(t, reservation.InsufficientStock, s.change(t, inventory.Change{ID: "more", Key: key("A"), Amount: -1}).Err)
		requireReason(t, reservation.ReusedID, s.change(t, inventory.Change{ID: "taken", Key: key("A"), Amount: -4}).Err)
	})
}

// The first attempt of a recount commits in another process just before this one
// locks the row. An adjustment id that was read before the lock would not show it,
// and the repeat would be STALE by its own doing.
func TestAdjustmentsAreReadUnderTheirLocks(t *testing.T) {
	s, other := twoShops(t)
	s.set(t, "A", 5)
	five := int64(5)
	recount := inventory.Change{ID: "recount", Key: key("A"), Set: true, Amount: 9, Expected: &five}
	s.store.disturb(once("lock stocks", func() error { return other.change(t, recount).Err }), nil)
	answer := s.change(t, recount)
	require.NoError(t, answer.Err)
	require.True(t, answer.Replayed)
	require.Equal(t, int64(9), answer.Stock.OnHand)
}

// What was not there could not be locked: two processes insert it at once. The
// second meets a duplicate key, and runs its batch again on what the first wrote.
func TestWhoeverInsertsSecondRunsAgain(t *testing.T) {
	s, other := twoShops(t)

	s.store.disturb(once("write", func() error {
		return other.change(t, inventory.Change{ID: "theirs", Key: key("NEW"), Amount: 7}).Err
	}), nil)
	answer := s.change(t, inventory.Change{ID: "ours", Key: key("NEW"), Amount: 5})
	require.NoError(t, answer.Err)
	require.Equal(t, int64(12), answer.Stock.OnHand)
	require.Equal(t, int64(12), s.stock(t, "NEW").OnHand)

	s.set(t, "A", 1)
	s.set(t, "B", 1)
	s.store.disturb(once("write", func() error {
		return other.change(t, inventory.Change{ID: "same", Key: key("B"), Amount: 1}).Err
	}), nil)
	requireReason(t, reservation.ReusedID, s.change(t, inventory.Change{ID: "same", Key: key("A"), Amount: 1}).Err)
	require.Equal(t, int64(1), s.stock(t, "A").OnHand)
	require.Equal(t, int64(2), s.stock(t, "B").OnHand)
}

// A transaction that has read something sees what others commit afterwards: the
// last look for an id is no look at an old snapshot.
func TestEveryReadSeesTheLatestCommit(t *testing.T) {
	s, other := twoShops(t)
	s.set(t, "A", 1)
	s.set(t, "B", 1)
	require.NoError(t, s.try(t, "held", line("B", 1)).Err)
	s.store.disturb(once("lock stocks", func() error { return other.try(t, "mine", line("A", 1)).Err }), nil)
	answers := s.all(t, asking(reservation.Confirm, "held"), holding("mine", line("A", 1)))
	require.NoError(t, answers[0].Err)
	require.NoError(t, answers[1].Err)
	require.True(t, answers[1].Replayed)
	require.Equal(t, int64(1), s.stock(t, "A").Reserved)
}

// A lock wait that timed out undoes one statement, and leaves what the transaction
// wrote before. All of it is rolled back, and what the lock does not concern goes on.
func TestALockWaitRollsTheWholeBatchBack(t *testing.T) {
	s, lock := lockedShop(t)
	s.set(t, "A", 10)
	s.set(t, "B", 10)
	stranger := lock("INSERT INTO stock_adjustments (adjustment_id, location_id, sku, is_recount, amount, created_at, reason, reference)" +
		" VALUES ('unseen', 'default', 'B', 0, 1, UTC_TIMESTAMP(6), '', '')") // nobody can see this row, and the INSERT waits for it
	s.store.disturb(nil, nil)
	answers := s.all(t, holding("1", line("A", 3)), &reservation.Operation{Change: &inventory.Change{ID: "unseen", Key: key("B"), Amount: 5}})
	require.NoError(t, stranger.Rollback())
	require.NoError(t, answers[0].Err)
	require.False(t, answers[0].Replayed, "nothing of the first attempt was left")
	require.ErrorIs(t, answers[1].Err, reservation.ErrUnavailable)
	require.ErrorIs(t, answers[1].Err, reservation.ErrLockWait)
	require.Equal(t, int64(3), s.stock(t, "A").Reserved)
	require.Equal(t, int64(10), s.stock(t, "B").OnHand)
	require.NoError(t, s.change(t, inventory.Change{ID: "unseen", Key: key("B"), Amount: 5}).Err)
	require.Equal(t, int64(15), s.stock(t, "B").OnHand)
}

// More calls than one transaction carries, for more than there is, by two processes:
// their committers divide the rows, and each row ends at its last unit.
func TestDividedRowsAreNotOversold(t *testing.T) {
	const skus, units, wanted = 40, 50, 75
	s, other := twoShops(t)
	for i := range skus {
		s.set(t, fmt.Sprint(i), units)
	}
	ops := func(process string) (ops []*reservation.Operation) {
		for n := range skus * wanted {
			ops = append(ops, holding(fmt.Sprint(process, n), line(fmt.Sprint(n%skus), 1)))
		}
		return ops
	}
	var ours, theirs []reservation.Answer
	var processes sync.WaitGroup
	processes.Go(func() { theirs = other.all(t, ops("theirs-")...) })
	ours = s.all(t, ops("ours-")...)
	processes.Wait()

	held := make([]int, skus)
	for n, answer := range append(ours, theirs...) {
		if answer.Err == nil {
			held[n%skus]++
		} else {
			requireReason(t, reservation.InsufficientStock, answer.Err)
		}
	}
	for i := range skus {
		require.Equal(t, units, held[i])
		require.Equal(t, int64(units), s.stock(t, fmt.Sprint(i)).Reserved)
	}
}
