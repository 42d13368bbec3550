//go:build faults

package stores_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"stockhold/internal/faults"
	"stockhold/internal/testservers"
)

// Keys of the gate, by the prefix that servers use when none is set.
const pendingKey = "{stockhold} pending"

func rowKey(sku string) string { return "{stockhold} row default " + sku }

// redisOf is a client of the site's Redis, past the proxy.
func redisOf(t *testing.T, server *testservers.RedisServer) *redis.Client {
	client := server.Client()
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

// Redis is killed under load. The shop sells on through the ledger alone; when
// Redis is back, empty, the gate loads what it needs and is used again.
func TestRedisIsKilledAndComesBackEmpty(t *testing.T) {
	s := newScene(t, newSite(t, faults.SiteOptions{}), faults.ShopOptions{Seed: 11})
	s.during(func() {
		require.NoError(t, s.site.Redis.Kill())
		s.ledgerAlone()
		s.sells(some)
		require.NoError(t, s.site.Redis.Restart(t.Context()))
		s.gateIsUsed()
	})
	s.refusedOnly()
	s.judge()
}

// Redis is emptied again and again under load (FLUSHALL): the gate forgets what
// is held and what is under way, and nothing is oversold for that.
func TestRedisIsEmptiedUnderLoad(t *testing.T) {
	s := newScene(t, newSite(t, faults.SiteOptions{}), faults.ShopOptions{Seed: 12})
	client := redisOf(t, s.site.Redis)
	s.during(func() {
		for range 20 {
			require.NoError(t, client.FlushAll(t.Context()).Err())
			s.sells(20)
		}
		s.gateIsUsed()
	})
	s.refusedOnly()
	s.judge()
}

// Redis comes back with what it had some time ago, as it does when the tail of
// its file is lost: with stock that was sold since, and with holds that ended
// long ago. The ledger sees to the stock, the sweeper to the holds.
func TestRedisComesBackFromThePast(t *testing.T) {
	s := newScene(t, newSite(t, faults.SiteOptions{}), faults.ShopOptions{Seed: 13})
	client := redisOf(t, s.site.Redis)
	s.during(func() {
		// A hold that is pending at the time of the copy stays so in the copy.
		require.NoError(t, s.servers[0].Arm("try.frozen", "stop"))
		require.NoError(t, s.servers[0].Reached(t.Context()))
		require.NoError(t, s.site.Redis.Save(t.Context()))
		require.NoError(t, s.servers[0].Resume())
		s.sells(2 * some)
		require.NoError(t, s.site.Redis.Kill())
		require.NoError(t, s.site.Redis.Restart(t.Context()))
		require.Positive(t, client.ZCard(t.Context(), pendingKey).Val(), "holds from the past")
		s.gateIsUsed()
	})
	s.refusedOnly()
	s.judge()
	// A clean audit still allows what is younger than twice the reaper's grace.
	require.Eventually(t, func() bool { return client.ZCard(t.Context(), pendingKey).Val() == 0 }, patience, tick,
		"the sweeper settles what the past left pending")
}

// Redis is full (maxmemory, noeviction): it refuses to freeze, and the ledger
// decides alone. It still takes what is settled, so what was pending drains while
// it is full, and when there is room again the gate is used again.
func TestRedisIsFull(t *testing.T) {
	s := newScene(t, newSite(t, faults.SiteOptions{}), faults.ShopOptions{Seed: 14})
	client := redisOf(t, s.site.Redis)
	s.during(func() {
		require.NoError(t, s.servers[0].Arm("try.frozen", "stop"))
		require.NoError(t, s.servers[0].Reached(t.Context()))
		require.NoError(t, s.site.Redis.SetMaxMemory(t.Context(), "1")) // byte
		require.Positive(t, client.ZCard(t.Context(), pendingKey).Val(), "holds that were frozen before")
		require.NoError(t, s.servers[0].Resume())
		s.ledgerAlone()
		require.Eventually(t, func() bool { return client.ZCard(t.Context(), pendingKey).Val() == 0 }, patience, tick,
			"what is pending drains while Redis is full")
		s.sells(some)
		require.True(t, redis.IsOOMError(client.Set(t.Context(), "room", "none", 0).Err()), "Redis is still full")
		require.NoError(t, s.site.Redis.SetMaxMemory(t.Context(), "0"))
		s.gateIsUsed()
	})
	s.refusedOnly()
	s.judge()
}

// Redis evicts what it likes (allkeys-random, and no room). Rows of the gate
// vanish and are loaded again, nothing that exists is refused, and the operator
// is told: by a warning at the start and by a metric. The server is ready.
func TestRedisEvicts(t *testing.T) {
	site := newSite(t, faults.SiteOptions{Redis: testservers.RedisOptions{
		Config: []string{"maxmemory-policy allkeys-random"}}})
	s := newScene(t, site, faults.ShopOptions{Seed: 15})
	client := redisOf(t, s.site.Redis)
	s.during(func() {
		// So little that every write evicts something first.
		require.NoError(t, s.site.Redis.SetMaxMemory(t.Context(), "1"))
		s.sells(2 * some)
		stats, err := client.InfoMap(t.Context(), "stats").Result()
		require.NoError(t, err)
		require.NotEqual(t, "0", stats["Stats"]["evicted_keys"])
		for i, server := range s.servers {
			require.Contains(t, server.Log(), "maxmemory-policy allkeys-random and may evict the gate's rows")
			require.Equal(t, 1.0, s.metric(i, `stockhold_store_warnings{store="gate"}`))
			require.NoError(t, server.Ready(t.Context()))
		}
		require.NoError(t, s.site.Redis.SetMaxMemory(t.Context(), "0"))
		s.gateIsUsed()
	})
	s.refusedOnly()
	s.judge()
}

// Single keys of the gate vanish, any of them at any time: rows, holds, the list
// of what is pending.
func TestSingleKeysOfTheGateVanish(t *testing.T) {
	s := newScene(t, newSite(t, faults.SiteOptions{}), faults.ShopOptions{Seed: 16})
	client := redisOf(t, s.site.Redis)
	s.during(func() {
		deleted := vanish(t, client)
		s.sells(3 * some)
		require.Greater(t, deleted(), 100)
		s.gateIsUsed()
	})
	s.refusedOnly()
	s.judge()
}

// vanish deletes random keys until it is told to stop, and then says how many.
func vanish(t *testing.T, client *redis.Client) (stop func() int) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() {
		n := 0
		defer func() { done <- n }()
		for ctx.Err() == nil {
			if name, err := client.RandomKey(ctx).Result(); err == nil {
				n += int(client.Del(ctx, name).Val())
			}
			time.Sleep(2 * time.Millisecond) // so that the gate has something to lose
		}
	}()
	t.Cleanup(cancel)
	return func() int {
		cancel()
		return <-done
	}
}
