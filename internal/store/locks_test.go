package store_test

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

// at adds a clock to a DSN: to its sessions, the server's time stands still there.
func at(dsn string, now time.Time) string {
	return fmt.Sprintf("%s?timestamp=%d", dsn, now.Unix())
}

func begin(t *testing.T, s *store.Store) reservation.Tx {
	t.Helper()
	tx, err := s.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(tx.Rollback)
	return tx
}

// What one transaction has locked, another waits for, or passes over where it
// said so.
func TestLocksAreTaken(t *testing.T) {
	t.Run("reservations", func(t *testing.T) {
		t.Parallel()
		s := openMariaDB(t, testservers.Database(t))
		service := serve(t, s)
		stocked(t, service, "A", 10)
		require.NoError(t, hold(t, service, id("1"), line("A", 1)).Err)
		ids := []inventory.HoldID{id("1")}
		requireLocked(t, s, func(tx reservation.Tx, locked reservation.Locked) (int, error) {
			held, err := tx.LockReservations(t.Context(), ids, locked)
			return len(held), err
		})
	})
	t.Run("stock", func(t *testing.T) {
		t.Parallel()
		s := openMariaDB(t, testservers.Database(t))
		stocked(t, serve(t, s), "A", 10)
		keys := []inventory.Key{key("A")}
		requireLocked(t, s, func(tx reservation.Tx, locked reservation.Locked) (int, error) {
			rows, err := tx.LockStocks(t.Context(), keys, locked)
			return len(rows), err
		})
	})
	t.Run("due", func(t *testing.T) {
		t.Parallel()
		dsn := testservers.Database(t)
		service := serve(t, openMariaDB(t, dsn))
		stocked(t, service, "A", 10)
		holdFor(t, service, "other", "1", time.Minute)
		later, err := store.OpenMySQL(at(dsn, time.Now().Add(time.Hour)), store.Options{})
		later = ready(t, later, err)
		due := func(tx reservation.Tx) int {
			held, err := tx.LockDue(t.Context(), reservation.ReleaseOnExpiry, 10)
			require.NoError(t, err)
			return len(held)
		}
		first := begin(t, later)
		require.Equal(t, 1, due(first))
		require.Zero(t, due(begin(t, later)), "it is passed over")
		first.Rollback()
		require.Equal(t, 1, due(begin(t, later)))
	})
}

// requireLocked has one transaction lock a row, and two others come for it.
func requireLocked(t *testing.T, s *store.Store, lock func(reservation.Tx, reservation.Locked) (int, error)) {
	t.Helper()
	n, err := lock(begin(t, s), reservation.Await)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	n, err = lock(begin(t, s), reservation.Pass)
	require.NoError(t, err)
	require.Zero(t, n)
	_, err = lock(begin(t, s), reservation.Await)
	require.ErrorIs(t, err, reservation.ErrLockWait)
}

// Nothing is dated or found due by the clock of this process: a server that lives
// years ahead of it is believed.
func TestEveryTimeIsTheDatabases(t *testing.T) {
	dsn := testservers.Database(t)
	began := time.Date(time.Now().Year()+5, 1, 2, 3, 4, 5, 0, time.UTC)
	openAt := func(now time.Time) (*store.Store, *reservation.Service) {
		opened, err := store.OpenMySQL(at(dsn, now), store.Options{})
		s := ready(t, opened, err)
		return s, serve(t, s)
	}
	first, service := openAt(began)
	stocked(t, service, "A", 10)
	asked, released := holdFor(t, service, "asks", "1", time.Minute), holdFor(t, service, "other", "2", time.Minute)
	made, err := service.Get(t.Context(), asked)
	require.NoError(t, err)
	require.Equal(t, began, made.CreatedAt)
	require.Equal(t, began.Add(time.Minute), made.ExpiresAt)
	claims, err := first.Claim(t.Context(), time.Minute, 10)
	require.NoError(t, err)
	require.Empty(t, claims)

	dueAt := began.Add(2 * time.Minute)
	second, service := openAt(dueAt)
	undecided, err := second.Undecided(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, reservation.Undecided{Overdue: 2, Oldest: time.Minute}, undecided)
	claims, err = second.Claim(t.Context(), time.Minute, 10)
	require.NoError(t, err)
	require.Len(t, claims, 1)
	require.Equal(t, dueAt.Add(time.Minute), claims[0].Lease)
	due, err := service.Ledger().RunDue(t.Context(), reservation.ReleaseOnExpiry, 10)
	require.NoError(t, err)
	require.Len(t, due, 1)
	require.Equal(t, reservation.Expired, due[0].Answer.Reservation.State)
	require.Equal(t, dueAt, due[0].Answer.Reservation.ResolvedAt)

	keep := reservation.Retention{Ended: time.Hour, Tombstones: time.Hour, Adjustments: 24 * time.Hour}
	n, err := second.Purge(t.Context(), keep, 100)
	require.NoError(t, err)
	require.Zero(t, n)
	third, service := openAt(dueAt.Add(2 * time.Hour))
	n, err = third.Purge(t.Context(), keep, 100)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	_, err = service.Get(t.Context(), released)
	require.Error(t, err)
}

// A change of state that finds the row in another state than it was read in is
// not made: somebody writes without locks, and the books say so.
func TestAChangeNamesTheOldState(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store.Store) {
		service := serve(t, s)
		stocked(t, service, "A", 10)
		require.NoError(t, hold(t, service, id("1"), line("A", 1)).Err)
		tx := begin(t, s)
		held, err := tx.LockReservations(t.Context(), []inventory.HoldID{id("1")}, reservation.Await)
		require.NoError(t, err)
		err = tx.Write(t.Context(), &reservation.Changes{Moved: []reservation.Transition{{
			From: reservation.Confirmed, To: reservation.Fulfilled, By: reservation.ByCaller, At: time.Now(), Keys: []int64{held[0].Key},
		}}})
		require.ErrorIs(t, err, reservation.ErrCorrupt)
		tx.Rollback()
		r, err := service.Get(t.Context(), id("1"))
		require.NoError(t, err)
		require.Equal(t, reservation.Reserved, r.State)
	})
}

// A parked hold stands in front of an operator and is claimed all the same, so
// that it heals when its owner returns.
func TestParkedHoldsAreClaimed(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store.Store) {
		service := serve(t, s)
		stocked(t, service, "A", 10)
		for _, parked := range []reservation.Deferral{{Park: true}, {Park: true, Checks: 3}} {
			name := fmt.Sprint("after-", parked.Checks)
			lines := []inventory.Line{line("A", 1)}
			held := service.Ledger().Do(t.Context(), []*reservation.Operation{{Call: reservation.Try, ID: id(name), Lines: lines, OnExpiry: reservation.AskOwner}})
			require.NoError(t, held[0].Err)
			claims, err := s.Claim(t.Context(), time.Hour, 10)
			require.NoError(t, err)
			require.Len(t, claims, 1)
			require.False(t, claims[0].Parked)
			parked.Lease = claims[0].Lease
			deferred := service.Ledger().Do(t.Context(), []*reservation.Operation{{ID: id(name), Defer: &parked}})
			require.NoError(t, deferred[0].Err)
			require.False(t, deferred[0].Replayed)

			claims, err = s.Claim(t.Context(), time.Hour, 10)
			require.NoError(t, err)
			require.Len(t, claims, 1)
			require.Equal(t, id(name), claims[0].HoldID)
			require.True(t, claims[0].Parked)
		}
	})
}

// The time that comes with the locks is read when they are there, not when the
// transaction began to wait for them.
func TestTheClockIsReadUnderTheLocks(t *testing.T) {
	t.Parallel()
	s := openMariaDB(t, testservers.Database(t))
	stocked(t, serve(t, s), "A", 10)
	keys := []inventory.Key{key("A")}
	holder, waiter := begin(t, s), begin(t, s)
	_, err := holder.LockStocks(t.Context(), keys, reservation.Await)
	require.NoError(t, err)

	locked := make(chan error, 1)
	go func() {
		_, err := waiter.LockStocks(t.Context(), keys, reservation.Await)
		locked <- err
	}()
	select {
	case err := <-locked:
		t.Fatalf("the row was not locked: %v", err)
	case <-time.After(700 * time.Millisecond): // surely it waits by now
	}
	before, err := holder.Now(t.Context()) // which came with the lock
	require.NoError(t, err)
	released, err := holder.Now(t.Context()) // which is read now
	require.NoError(t, err)
	require.True(t, released.After(before), "%s, %s", released, before)
	holder.Rollback()
	require.NoError(t, <-locked)
	now, err := waiter.Now(t.Context())
	require.NoError(t, err)
	require.False(t, now.Before(released), "%s, %s", now, released)
}

// A row that this version cannot read, because a later one wrote it, fails the
// calls about it and no others, not even those of its batch.
func TestAnUnknownStateHarmsNobodyElse(t *testing.T) {
	t.Parallel()
	dsn := testservers.Database(t)
	service := serve(t, openMariaDB(t, dsn))
	stocked(t, service, "A", 10)
	require.NoError(t, hold(t, service, id("odd"), line("A", 1)).Err)
	require.NoError(t, hold(t, service, id("even"), line("A", 1)).Err)
	db, err := sql.Open("mysql", dsn)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), "UPDATE reservations SET state = 77 WHERE reservation_id = 'odd'")
	require.NoError(t, err)

	answers := service.Do(t.Context(), []reservation.Request{
		{Call: reservation.Confirm, ID: id("odd")}, {Call: reservation.Confirm, ID: id("even")},
	})
	require.ErrorIs(t, answers[0].Err, reservation.ErrCorrupt)
	require.NoError(t, answers[1].Err)
	require.Equal(t, reservation.Confirmed, answers[1].Reservation.State)
}
