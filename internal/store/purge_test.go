package store

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
	"stockhold/inventory"
	"stockhold/reservation"
)

var keepOneHour = reservation.Retention{Ended: time.Hour, Tombstones: time.Hour, Adjustments: time.Hour}

// endedLongAgo opens a ledger file with one expired reservation to be purged, and
// opens it a second time.
func endedLongAgo(t *testing.T) (s, other *Store, r *reservation.Reservation) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	open := func() *Store {
		s, err := OpenSQLite(path, Options{})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	s, other = open(), open()
	_, err := s.Migrate(t.Context())
	require.NoError(t, err)
	long := time.Now().UTC().Add(-2 * time.Hour)
	r = &reservation.Reservation{
		HoldID: inventory.HoldID{Owner: "default", ID: "1"}, Key: 1, State: reservation.Expired, OnExpiry: reservation.ReleaseOnExpiry,
		Lines: []inventory.Line{{Key: inventory.Key{Location: "default", SKU: "A"}, Quantity: 1}}, LineCount: 1,
		CreatedAt: long, ExpiresAt: long, ResolvedAt: long, ResolvedBy: reservation.ByPolicy,
	}
	commit(t, s, &reservation.Changes{NewReservations: []*reservation.Reservation{r}})
	return s, other, r
}

func commit(t *testing.T, s *Store, changes *reservation.Changes) {
	t.Helper()
	tx, err := s.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback()
	require.NoError(t, tx.Write(t.Context(), changes))
	require.NoError(t, tx.Commit(t.Context()))
}

// Between the purge's look and its lock a reservation is taken again, or canceled:
// it is not the one any more that ended long ago.
func TestThePurgeLooksAgain(t *testing.T) {
	for _, now := range []reservation.State{reservation.Confirmed, reservation.Canceled} {
		t.Run(now.String(), func(t *testing.T) {
			s, other, r := endedLongAgo(t)
			pool, err := s.write.DB()
			require.NoError(t, err)
			caller, err := other.Begin(t.Context()) // has the one write lock
			require.NoError(t, err)
			defer caller.Rollback()
			require.NoError(t, caller.Write(t.Context(), &reservation.Changes{Moved: []reservation.Transition{
				{From: reservation.Expired, To: now, By: reservation.ByCaller, At: time.Now().UTC(), Keys: []int64{r.Key}},
			}}))

			type result struct {
				purged int
				err    error
			}
			done := make(chan result)
			go func() {
				n, err := s.Purge(t.Context(), keepOneHour, 100)
				done <- result{n, err}
			}()
			// It begins its transaction once it has found something.
			require.Eventually(t, func() bool { return pool.Stats().InUse > 0 }, time.Minute, time.Millisecond)
			require.NoError(t, caller.Commit(t.Context()))

			require.Equal(t, result{}, <-done)
			found, err := s.Reservation(t.Context(), r.HoldID)
			require.NoError(t, err)
			require.NotNil(t, found)
			require.Equal(t, now, found.State)
			require.Equal(t, r.Lines, found.Lines)
		})
	}
}

// Whatever becomes of a purge, no row is left without its lines, and no line
// without its row.
func TestRowAndLinesArePurgedTogether(t *testing.T) {
	s, _, r := endedLongAgo(t)
	exec := func(sql string) { require.NoError(t, s.write.WithContext(t.Context()).Exec(sql).Error) }
	exec("CREATE TRIGGER keep BEFORE DELETE ON reservations BEGIN SELECT RAISE(ABORT, 'kept'); END")
	_, err := s.Purge(t.Context(), keepOneHour, 100)
	require.ErrorContains(t, err, "kept")
	found, err := s.Reservation(t.Context(), r.HoldID)
	require.NoError(t, err)
	require.Equal(t, r.Lines, found.Lines)

	exec("DROP TRIGGER keep")
	n, err := s.Purge(t.Context(), keepOneHour, 100)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	var lines int
	require.NoError(t, s.read.WithContext(t.Context()).Raw("SELECT COUNT(*) FROM reservation_lines").Scan(&lines).Error)
	require.Zero(t, lines)
}

// A process that hangs must not hold a hot row for as long as a server's defaults
// let it.
func TestSessionsAreShortOfPatience(t *testing.T) {
	s, err := OpenMySQL(testservers.Database(t), Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for variable, want := range map[string]int{"innodb_lock_wait_timeout": 2, "wait_timeout": 10} {
		var seconds int
		require.NoError(t, s.write.WithContext(t.Context()).Raw("SELECT @@session."+variable).Scan(&seconds).Error)
		require.Equal(t, want, seconds, variable)
	}
}
