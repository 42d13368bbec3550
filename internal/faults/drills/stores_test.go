//go:build faults

package drills_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
	"stockhold/internal/testservers"
)

// Redis is killed and comes back empty. No call fails; nobody has to do anything.
func TestLosingRedis(t *testing.T) {
	d := newDrill(t, faults.SiteOptions{})
	server, client := d.usual()
	shop := faults.NewShop(faults.ShopOptions{Seed: 71})
	d.open(shop, []*faults.Client{client}, func() {
		require.NoError(t, d.site.Redis.Kill())
		d.grows(server, skipped)
		d.sells(shop)
		require.Contains(t, d.do("redis-look"), skipped)
		require.NoError(t, server.Ready(t.Context()), "the gate is not what makes a server ready")
		require.NoError(t, d.site.Redis.Restart(t.Context()))
		d.grows(server, frozen)
	})
	counts := shop.Tally.Counts()
	require.Empty(t, counts.NoAnswer)
	delete(counts.Refusals, stockholdv1.Reason_REASON_INSUFFICIENT_STOCK.String())
	require.Empty(t, counts.Refusals, "nobody is refused for want of Redis")
	d.judge(client, shop)
}

// MariaDB is killed and recovers. Callers hear UNAVAILABLE meanwhile, and repeat;
// what was answered is there.
func TestLosingMySQL(t *testing.T) {
	d := newDrill(t, faults.SiteOptions{MariaDB: testservers.MariaDBOptions{Durability: testservers.Durable}})
	server, client := d.usual()
	shop := faults.NewShop(faults.ShopOptions{Seed: 72})
	d.open(shop, []*faults.Client{client}, func() {
		require.NoError(t, d.site.DB.Kill())
		refused := stockholdv1.Reason_REASON_UNAVAILABLE.String()
		require.Eventually(t, func() bool { return shop.Tally.Counts().Refusals[refused] > 0 }, patience, tick)
		require.Eventually(t, func() bool { return server.Ready(t.Context()) != nil }, patience, tick)
		d.grows(server, away)
		look := d.do("mysql-look")
		require.Contains(t, look, "503")
		require.Contains(t, look, away+" 1")
		require.NoError(t, d.site.DB.Restart(t.Context()))
		require.Eventually(t, func() bool { return server.Ready(t.Context()) == nil }, patience, tick)
		d.sells(shop)
	})
	d.judge(client, shop)
}
