package testservers_test

import (
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

func TestRedisRestart(t *testing.T) {
	for name, c := range map[string]struct {
		options testservers.RedisOptions
		want    string
	}{
		"comes back with the last Save": {want: "saved"},
		"keeps everything":              {options: testservers.RedisOptions{Persist: true}, want: "later"},
		"with a password":               {options: testservers.RedisOptions{Password: `p w"/@:?`}, want: "saved"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testservers.NewRedis(t, c.options)
			pid := s.Pid()
			client := clientOf(t, s.URL())
			require.NoError(t, client.Set(t.Context(), "a", "saved", 0).Err())
			require.NoError(t, s.Save(t.Context()))
			require.NoError(t, client.Set(t.Context(), "a", "later", 0).Err())

			require.NoError(t, s.Stop())
			require.Zero(t, s.Pid())
			requireGone(t, pid)
			require.NoError(t, s.Restart(t.Context()))
			require.Equal(t, c.want, client.Get(t.Context(), "a").Val())
		})
	}
}

func TestRedisKilledComesBackEmpty(t *testing.T) {
	s := testservers.NewRedis(t, testservers.RedisOptions{})
	client := clientOf(t, s.URL())
	require.NoError(t, client.Set(t.Context(), "a", "1", 0).Err())
	require.NoError(t, s.Kill())
	require.NoError(t, s.Restart(t.Context()))
	require.ErrorIs(t, client.Get(t.Context(), "a").Err(), redis.Nil)
}

func TestRedisOptions(t *testing.T) {
	s := testservers.NewRedis(t, testservers.RedisOptions{
		MaxMemory: "3mb", Password: "secret", Config: []string{"maxmemory-policy allkeys-lru"},
	})
	client := clientOf(t, s.URL())
	require.Equal(t, "3145728", client.ConfigGet(t.Context(), "maxmemory").Val()["maxmemory"])
	require.Equal(t, "allkeys-lru", client.ConfigGet(t.Context(), "maxmemory-policy").Val()["maxmemory-policy"])
	stranger := redis.NewClient(&redis.Options{Addr: s.Addr()})
	t.Cleanup(func() { require.NoError(t, stranger.Close()) })
	require.ErrorContains(t, stranger.Get(t.Context(), "a").Err(), "NOAUTH")
}

func TestRedisStartErrorCarriesTheLog(t *testing.T) {
	s, err := testservers.StartRedis(t.Context(), testservers.RedisOptions{Config: []string{"no-such-line 1"}})
	require.Nil(t, s)
	require.ErrorContains(t, err, "no-such-line")
}

func TestRedisPair(t *testing.T) {
	pair := testservers.RedisPair(t)
	primary, replica := clientOf(t, pair.URLs()[0]), clientOf(t, pair.URLs()[1])
	require.NoError(t, primary.Set(t.Context(), "a", "1", 0).Err())
	require.EqualValues(t, 1, primary.Wait(t.Context(), 1, patience).Val())
	require.Equal(t, "1", replica.Get(t.Context(), "a").Val())
	require.ErrorContains(t, replica.Set(t.Context(), "a", "2", 0).Err(), "READONLY")

	require.NoError(t, pair.Promote(t.Context()))
	require.NoError(t, primary.Set(t.Context(), "b", "lost", 0).Err())
	require.ErrorIs(t, replica.Get(t.Context(), "b").Err(), redis.Nil, "a promoted replica is stale")
	require.NoError(t, replica.Set(t.Context(), "a", "2", 0).Err())

	require.NoError(t, pair.Primary.Follow(t.Context(), pair.Replica))
	require.Equal(t, "2", primary.Get(t.Context(), "a").Val())
	require.NoError(t, pair.Primary.Kill())
	require.NoError(t, pair.Primary.Restart(t.Context()))
	require.Eventually(t, func() bool { return primary.Get(t.Context(), "a").Val() == "2" }, patience, tick,
		"a replica still follows after a restart")
}

func TestRedisPairClosesBoth(t *testing.T) {
	pair, err := testservers.StartPair(t.Context(), testservers.RedisOptions{Password: "secret"})
	require.NoError(t, err)
	pids := []int{pair.Primary.Pid(), pair.Replica.Pid()}
	require.NoError(t, pair.Primary.Signal(syscall.SIGSTOP))
	require.NoError(t, pair.Close())
	for _, pid := range pids {
		requireGone(t, pid)
	}
}
