package testservers_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

func requireNumber(t *testing.T, number uint16, err error) {
	t.Helper()
	var refused *mysql.MySQLError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, number, refused.Number, "%v", err)
}

func TestMariaDBReadOnly(t *testing.T) {
	s := testservers.NewMariaDB(t, testservers.MariaDBOptions{BufferPoolMiB: 16})
	require.NoError(t, s.CreateDatabase(t.Context(), "shop"))
	user := open(t, s.UserDSN("shop"))
	_, err := user.Exec("CREATE TABLE a (id INT PRIMARY KEY)")
	require.NoError(t, err)
	_, err = user.Exec("SET GLOBAL read_only = OFF")
	requireNumber(t, 1227, err)

	require.NoError(t, s.SetReadOnly(t.Context(), true))
	_, err = user.Exec("INSERT INTO a VALUES (1)")
	requireNumber(t, 1290, err)
	require.NoError(t, s.SetReadOnly(t.Context(), false))
	_, err = user.Exec("INSERT INTO a VALUES (1)")
	require.NoError(t, err)

	require.NoError(t, s.Restart(t.Context()))
	require.Equal(t, "1", queryText(t, s.UserDSN("shop"), "SELECT id FROM a"), "the user outlives a restart")
}

func TestMariaDBTooManyConnections(t *testing.T) {
	s := testservers.NewMariaDB(t, testservers.MariaDBOptions{BufferPoolMiB: 16})
	require.NoError(t, s.SetMaxConnections(t.Context(), 10))
	user := open(t, s.UserDSN(""))
	var refused error
	for range 11 {
		session, err := user.Conn(t.Context())
		if refused = errors.Join(refused, err); err == nil {
			t.Cleanup(func() { _ = session.Close() })
		}
	}
	requireNumber(t, 1040, refused)
	require.NoError(t, s.SetMaxConnections(t.Context(), 100))
	require.NoError(t, user.Ping())
	require.ErrorContains(t, s.SetMaxConnections(t.Context(), 9), "at least 10")
}

func TestMariaDBKillConnections(t *testing.T) {
	s := testservers.NewMariaDB(t, testservers.MariaDBOptions{BufferPoolMiB: 16})
	for _, dsn := range []string{s.DSN(""), s.UserDSN("")} {
		tx, err := open(t, dsn).Begin()
		require.NoError(t, err)
		require.NoError(t, s.KillConnections(t.Context()))
		_, err = tx.Exec("DO 1")
		require.Error(t, err)
		require.Error(t, tx.Rollback(), "it is over already")
	}
}

func TestMariaDBHoldRows(t *testing.T) {
	dsn := testservers.Database(t)
	s := testservers.MariaDB(t)
	db := open(t, dsn)
	_, err := db.Exec("CREATE TABLE a (id INT PRIMARY KEY)")
	require.NoError(t, err)
	_, err = db.Exec("INSERT INTO a VALUES (1), (2)")
	require.NoError(t, err)

	release, err := s.HoldRows(t.Context(), dsn, "SELECT * FROM a WHERE id = 1 FOR UPDATE")
	require.NoError(t, err)
	_, err = db.Exec("DELETE FROM a WHERE id = 2")
	require.NoError(t, err)
	_, err = db.Query("SELECT * FROM a WHERE id = 1 FOR UPDATE NOWAIT")
	requireNumber(t, 1205, err)
	release()
	release()
	_, err = db.Exec("DELETE FROM a WHERE id = 1")
	require.NoError(t, err)
	_, err = s.HoldRows(t.Context(), dsn, "SELECT * FROM nothing FOR UPDATE")
	requireNumber(t, 1146, err)
}

func TestRedisFull(t *testing.T) {
	s := testservers.NewRedis(t, testservers.RedisOptions{})
	client := clientOf(t, s.URL())
	require.NoError(t, client.Set(t.Context(), "mine", "1", 0).Err())
	require.ErrorContains(t, s.Fill(t.Context()), "a limit and noeviction are needed")
	require.NoError(t, s.SetMaxMemory(t.Context(), "8mb"))
	require.NoError(t, s.Fill(t.Context()))
	for range 20 {
		require.True(t, redis.IsOOMError(client.Set(t.Context(), "mine", "2", 0).Err()))
	}
	require.Equal(t, "1", client.Get(t.Context(), "mine").Val())
	require.NoError(t, s.Unfill(t.Context()))
	require.NoError(t, client.Set(t.Context(), "mine", "2", 0).Err())
	require.EqualValues(t, 1, client.DBSize(t.Context()).Val())
	require.Error(t, s.SetMaxMemory(t.Context(), "much"))
}

func TestRedisClusterMigratesUnderLoad(t *testing.T) {
	cluster, err := testservers.StartCluster(t.Context(), testservers.ClusterOptions{
		Masters: 3, Redis: testservers.RedisOptions{Password: "secret"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Close()) })
	options, err := redis.ParseClusterURL(cluster.URL())
	require.NoError(t, err)
	client := redis.NewClusterClient(options)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	for i := range 250 {
		require.NoError(t, client.HSet(t.Context(), "{shop}h", i, i).Err())
		require.NoError(t, client.Set(t.Context(), "{shop}"+time.Duration(i).String(), i, 0).Err())
	}
	from, err := cluster.Owner(t.Context(), "{shop}")
	require.NoError(t, err)

	load, stop := context.WithCancel(t.Context())
	var counted int64
	var failed error
	var work sync.WaitGroup
	work.Go(func() {
		for load.Err() == nil && failed == nil {
			failed = client.Incr(t.Context(), "{shop}count").Err()
			counted++
		}
	})
	for _, to := range cluster.Masters {
		require.NoError(t, cluster.Migrate(t.Context(), "{shop}", to))
		owner, err := cluster.Owner(t.Context(), "{shop}")
		require.NoError(t, err)
		require.Same(t, to, owner)
	}
	require.NoError(t, cluster.Migrate(t.Context(), "{shop}", from))
	stop()
	work.Wait()
	require.NoError(t, failed)
	count, err := client.Get(t.Context(), "{shop}count").Int64()
	require.NoError(t, err)
	require.Equal(t, counted, count, "every write arrived once")
	require.EqualValues(t, 250, client.HLen(t.Context(), "{shop}h").Val())
}
