//go:build faults

package stores_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
	"stockhold/internal/faults/proxy"
	"stockhold/internal/testservers"
)

// A replica that stopped hearing of the primary is promoted, and the writes of
// the primary since then are lost to it. For a while one server uses the old
// primary and the other the new one; then both use the new one. Nothing is
// oversold, nothing that exists is refused, and the views heal: also the one of
// goods that nobody asks for any more.
func TestStaleReplicaIsPromoted(t *testing.T) {
	site := newSite(t, faults.SiteOptions{})
	replica := testservers.NewRedis(t, testservers.RedisOptions{})
	require.NoError(t, replica.Follow(t.Context(), site.Redis))
	own, err := proxy.Start(site.Redis.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, own.Close()) })
	s := newSceneOf(t, site, faults.ShopOptions{Seed: 21}, func(server int) {
		if server == 1 {
			site.Settings["STOCKHOLD_REDIS_URL"] = "redis://" + own.Addr() + "/0"
		}
	})
	const slow = "slow-seller"
	require.NoError(t, s.clients[0].SetStock(t.Context(), slow, 5))
	sellOne(t, s.clients[0], "slow-1", slow)
	primaryHas, replicaHas := redisOf(t, site.Redis), redisOf(t, replica)
	require.Eventually(t, func() bool { return quota(t, replicaHas, slow) == 4 }, patience, tick)
	s.during(func() {
		require.NoError(t, replica.Promote(t.Context()))
		sellOne(t, s.clients[0], "slow-2", slow)
		s.sells(some)
		require.Eventually(t, func() bool { return quota(t, primaryHas, slow) == 3 }, patience, tick)
		require.Equal(t, int64(4), quota(t, replicaHas, slow), "the replica did not hear of it")

		require.NoError(t, own.LeadTo(replica.Addr()))
		require.NoError(t, own.Cut())
		s.sells(some) // with two gates that differ

		require.NoError(t, site.ToRedis.LeadTo(replica.Addr()))
		require.NoError(t, site.ToRedis.Cut())
		require.NoError(t, site.Redis.Kill())
		s.gateIsUsed()
	})
	s.refusedOnly()
	require.Eventually(t, func() bool { return quota(t, replicaHas, slow) == 3 }, patience, tick,
		"the sweeper brings the view up to date")
	s.judge()
}

// sellOne holds and confirms one unit.
func sellOne(t *testing.T, client *faults.Client, id, sku string) {
	t.Helper()
	faults.Answered(t, patience, func(ctx context.Context) (*stockholdv1.TryResponse, error) {
		return client.Try(ctx, &stockholdv1.TryRequest{ReservationId: id, Owner: faults.Owner,
			Lines: []*stockholdv1.Line{{Sku: sku, Quantity: 1}}})
	})
	faults.Answered(t, patience, func(ctx context.Context) (*stockholdv1.ConfirmResponse, error) {
		return client.Confirm(ctx, &stockholdv1.ConfirmRequest{ReservationId: id, Owner: faults.Owner})
	})
}

// quota is what a Redis believes to be available of a sku, -1 if it knows nothing.
func quota(t *testing.T, client *redis.Client, sku string) int64 {
	n, err := client.HGet(t.Context(), rowKey(sku), "q").Int64()
	if err != nil {
		return -1 // there is none, or it cannot be had
	}
	return n
}

// The primary dies and Sentinel makes a primary of its replica. Meanwhile the
// ledger decides alone; afterwards the gate is used again by itself.
func TestSentinelFailsOver(t *testing.T) {
	set := testservers.RedisSentinel(t)
	s := newScene(t, newSite(t, faults.SiteOptions{RedisURL: set.URL()}), faults.ShopOptions{Seed: 22})
	s.during(func() {
		require.NoError(t, set.Primary.Kill())
		s.ledgerAlone()
		s.sells(some)
		_, err := set.Moved(faults.Within(t, patience), set.Primary)
		require.NoError(t, err)
		s.gateIsUsed()
	})
	s.refusedOnly()
	s.judge()
}

// newCluster is three masters with a replica each, and which of them has the gate.
func newCluster(t *testing.T) (cluster *testservers.Cluster, home *testservers.RedisServer) {
	cluster = testservers.RedisCluster(t, 3, 3)
	home, err := cluster.Owner(t.Context(), pendingKey)
	require.NoError(t, err)
	return cluster, home
}

// The master of a Cluster that holds the gate's one slot dies. Meanwhile the
// ledger decides alone; when its replica has taken over, the gate is used again
// within seconds. The other masters, which have nothing of the gate, do not matter.
func TestClusterLosesTheMasterOfTheGate(t *testing.T) {
	cluster, home := newCluster(t)
	s := newScene(t, newSite(t, faults.SiteOptions{RedisURL: cluster.URL()}), faults.ShopOptions{Seed: 23})
	s.during(func() {
		require.NoError(t, home.Kill())
		s.ledgerAlone()
		s.sells(some)
		_, err := cluster.Moved(faults.Within(t, patience), home, pendingKey)
		require.NoError(t, err)
		s.gateIsUsed()
	})
	s.refusedOnly()
	s.judge()
}

// The gate's slot moves to another master of the Cluster under load, and back,
// with so many rows that calls find it half-way, where scripts are refused
// (TRYAGAIN) or sent on (ASK).
func TestClusterMovesTheGateUnderLoad(t *testing.T) {
	cluster, home := newCluster(t)
	other := cluster.Masters[0]
	if other == home {
		other = cluster.Masters[1]
	}
	s := newScene(t, newSite(t, faults.SiteOptions{RedisURL: cluster.URL()}), faults.ShopOptions{Seed: 24})
	for i := range 4 {
		batch := &stockholdv1.BatchAdjustStockRequest{}
		for j := range 1000 {
			batch.Requests = append(batch.Requests, &stockholdv1.AdjustStockRequest{Sku: fmt.Sprintf("bulk-%d-%d", i, j), Delta: 1})
		}
		_, err := s.clients[0].Stock.BatchAdjustStock(t.Context(), batch)
		require.NoError(t, err)
	}
	s.during(func() {
		for _, to := range []*testservers.RedisServer{other, home, other} {
			require.NoError(t, cluster.Migrate(t.Context(), pendingKey, to))
			s.gateIsUsed()
			require.Positive(t, redisOf(t, to).Exists(t.Context(), rowKey("order-ample-0")).Val())
		}
	})
	found := sentOn(t, cluster)
	t.Logf("calls that found the slot on its way: %v", found)
	require.Positive(t, found["ASK"]+found["TRYAGAIN"], "no call came while the slot was on its way")
	s.refusedOnly()
	s.judge()
}

// sentOn is how often the nodes of a cluster refused a command since what it asks
// for is elsewhere: ASK and TRYAGAIN while a slot is on its way, MOVED afterwards.
func sentOn(t *testing.T, cluster *testservers.Cluster) map[string]int {
	t.Helper()
	found := map[string]int{}
	for _, node := range cluster.Nodes() {
		stats, err := redisOf(t, node).InfoMap(t.Context(), "errorstats").Result()
		require.NoError(t, err)
		for _, why := range []string{"ASK", "TRYAGAIN", "MOVED"} {
			if text := stats["Errorstats"]["errorstat_"+why]; text != "" {
				n, err := strconv.Atoi(strings.TrimPrefix(text, "count="))
				require.NoError(t, err)
				found[why] += n
			}
		}
	}
	return found
}
