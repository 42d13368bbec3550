package testservers_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

const (
	patience = 30 * time.Second
	tick     = 50 * time.Millisecond
)

func TestRedisClusterFailsOver(t *testing.T) {
	cluster := testservers.RedisCluster(t, 3, 1)
	require.Len(t, cluster.URLs(), 6)
	options, err := redis.ParseClusterURL(cluster.URL())
	require.NoError(t, err)
	require.Len(t, options.Addrs, 6)
	// Nothing else makes the client look for a new master when the old one refuses connections.
	options.ClusterStateReloadInterval = time.Second
	client := redis.NewClusterClient(options)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	for _, key := range []string{"a", "b", "c", "d"} {
		require.NoError(t, client.Set(t.Context(), key, key, 0).Err())
	}

	old, err := cluster.Owner(t.Context(), "a")
	require.NoError(t, err)
	require.Contains(t, cluster.Masters, old)
	require.NoError(t, old.Kill())
	moved, err := cluster.Moved(t.Context(), old, "a")
	require.NoError(t, err)
	require.Contains(t, cluster.Replicas, moved)
	require.NoError(t, clientOf(t, moved.URL()).Set(t.Context(), "a", "moved", 0).Err())
	require.Eventually(t, func() bool {
		return client.Set(t.Context(), "a", "new", 0).Err() == nil
	}, patience, tick)
	require.NoError(t, old.Restart(t.Context()))
}

func TestRedisClusterMovesFromAHaltedMaster(t *testing.T) {
	cluster := testservers.RedisCluster(t, 3, 1)
	old, err := cluster.Owner(t.Context(), "a")
	require.NoError(t, err)
	require.NoError(t, old.Signal(syscall.SIGSTOP))
	moved, err := cluster.Moved(t.Context(), old, "a")
	require.NoError(t, err)
	require.NoError(t, clientOf(t, moved.URL()).Set(t.Context(), "a", "moved", 0).Err())
	require.NoError(t, old.Signal(syscall.SIGCONT))
}

func TestRedisClusterOfOne(t *testing.T) {
	cluster := testservers.RedisCluster(t, 1, 0)
	require.Equal(t, []string{cluster.URL()}, cluster.URLs())
	owner, err := cluster.Owner(t.Context(), "a")
	require.NoError(t, err)
	require.Same(t, cluster.Masters[0], owner)
	require.NoError(t, clientOf(t, owner.URL()).Set(t.Context(), "a", "1", 0).Err())
}

func TestRedisClusterOfNone(t *testing.T) {
	_, err := testservers.StartCluster(t.Context(), testservers.ClusterOptions{})
	require.ErrorContains(t, err, "a cluster of 0 masters")
}

func TestRedisSentinelFailsOver(t *testing.T) {
	set := testservers.RedisSentinel(t)
	options, err := redis.ParseFailoverURL(set.URL())
	require.NoError(t, err)
	require.Len(t, options.SentinelAddrs, 3)
	client := redis.NewFailoverClient(options)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	require.NoError(t, client.Set(t.Context(), "a", "1", 0).Err())

	old, err := set.Current(t.Context())
	require.NoError(t, err)
	require.Same(t, set.Primary, old)
	require.NoError(t, old.Kill())
	moved, err := set.Moved(t.Context(), old)
	require.NoError(t, err)
	require.Same(t, set.Replica, moved)
	require.Eventually(t, func() bool {
		return client.Set(t.Context(), "a", "2", 0).Err() == nil
	}, patience, tick)
	require.Equal(t, "2", clientOf(t, moved.URL()).Get(t.Context(), "a").Val())
}

func TestRedisSentinelWithPassword(t *testing.T) {
	set, err := testservers.StartSentinel(t.Context(), testservers.SentinelOptions{
		Redis: testservers.RedisOptions{Password: "secret"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, set.Close()) })
	options, err := redis.ParseFailoverURL(set.URL())
	require.NoError(t, err)
	client := redis.NewFailoverClient(options)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	require.NoError(t, client.Set(t.Context(), "a", "1", 0).Err())
}

// clientOf returns a client that is closed when the test ends.
func clientOf(t *testing.T, url string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	require.NoError(t, err)
	client := redis.NewClient(options)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}
