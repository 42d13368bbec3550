package testservers_test

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

// slack is how far two looks at clocks may lie apart on a busy machine.
const slack = 30 * time.Second

func TestMariaDBClock(t *testing.T) {
	s := testservers.NewMariaDB(t, testservers.MariaDBOptions{BufferPoolMiB: 16, FakeClock: true})
	db := open(t, s.DSN(""))
	now := func() time.Time {
		var text string
		require.NoError(t, db.QueryRow("SELECT UTC_TIMESTAMP(6)").Scan(&text))
		at, err := time.Parse("2006-01-02 15:04:05.999999", text)
		require.NoError(t, err)
		return at
	}
	requireClock(t, s, now)
	require.NoError(t, s.CreateDatabase(t.Context(), "shop"))
	_, err := open(t, s.DSN("shop")).Exec("CREATE TABLE a (id INT PRIMARY KEY)")
	require.NoError(t, err)
	release, err := s.HoldRows(t.Context(), s.DSN("shop"), "INSERT INTO a VALUES (1)")
	require.NoError(t, err)
	for _, offset := range []time.Duration{time.Hour, -time.Hour} {
		require.NoError(t, s.SetClock(offset))
		// Waits go by the monotonic clock, neither at once nor an hour later.
		began := time.Now()
		require.Equal(t, "0", queryText(t, s.DSN(""), "SELECT SLEEP(0.1)"))
		require.GreaterOrEqual(t, time.Since(began), 100*time.Millisecond)
		_, err := open(t, s.DSN("shop")+"?innodb_lock_wait_timeout=1").Exec("INSERT INTO a VALUES (1)")
		requireNumber(t, 1205, err)
	}
	release()

	require.NoError(t, s.Restart(t.Context()))
	require.WithinDuration(t, time.Now().Add(-time.Hour), now(), slack, "the clock outlives a restart")
	pid := s.Pid()
	require.NoError(t, s.Close())
	left, err := filepath.Glob("/dev/shm/*faketime*_" + strconv.Itoa(pid))
	require.NoError(t, err)
	require.Empty(t, left, "a killed server's clock leaves nothing in memory")
}

func TestRedisClock(t *testing.T) {
	s := testservers.NewRedis(t, testservers.RedisOptions{FakeClock: true})
	client := clientOf(t, s.URL())
	requireClock(t, s, func() time.Time {
		at, err := client.Time(t.Context()).Result()
		require.NoError(t, err)
		return at
	})
}

func requireClock(t *testing.T, s interface{ SetClock(time.Duration) error }, now func() time.Time) {
	t.Helper()
	require.WithinDuration(t, time.Now(), now(), slack)
	for _, offset := range []time.Duration{time.Hour, -time.Hour, 90 * time.Minute, 0} {
		require.NoError(t, s.SetClock(offset))
		require.WithinDuration(t, time.Now().Add(offset), now(), slack, "offset %s", offset)
	}
}

func TestRealClockCannotBeSet(t *testing.T) {
	require.ErrorContains(t, testservers.Redis(t).SetClock(time.Hour), "FakeClock")
}
