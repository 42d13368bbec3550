//go:build faults

package drills_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
	"stockhold/internal/testservers"
)

// previous names the environment variable with a program of the previous release,
// for the drill of an upgrade from that.
const previous = "DRILL_OLD"

// versions are an older program and a newer one: the previous release and this, or
// this and one that has a further migration.
func versions(t *testing.T) (older, newer *faults.Program) {
	t.Helper()
	if path := os.Getenv(previous); path != "" {
		return &faults.Program{Path: path}, faults.Built()
	}
	newer, err := faults.Build(t.Context(), faults.BuildOptions{Overlay: nextVersion(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, newer.Close()) })
	return faults.Built(), newer
}

// nextVersion makes an overlay of the source with one more migration, which expands
// the schema as migrations do.
func nextVersion(t *testing.T) string {
	t.Helper()
	source, err := filepath.Abs("../../store/migrations/mysql")
	require.NoError(t, err)
	present, err := filepath.Glob(filepath.Join(source, "*.sql"))
	require.NoError(t, err)
	folder := t.TempDir()
	migration := filepath.Join(folder, "next.sql")
	require.NoError(t, os.WriteFile(migration, []byte(`-- +goose Up
ALTER TABLE reservations ADD COLUMN next_release VARCHAR(64) NULL, ALGORITHM = INSTANT;

-- +goose Down
ALTER TABLE reservations DROP COLUMN next_release;
`), 0o600))
	name := fmt.Sprintf("%05d_next.sql", len(present)+1)
	text, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(source, name): migration}})
	require.NoError(t, err)
	overlay := filepath.Join(folder, "overlay.json")
	require.NoError(t, os.WriteFile(overlay, text, 0o600))
	return overlay
}

// The schema changes under load while the old version serves; the new version
// starts beside it with a gate of its own; the old one is drained. No order is
// refused what there is plenty of, and no call ends without an answer but those
// that the drain's closed connections make repeat.
func TestRollingUpgrade(t *testing.T) {
	older, newer := versions(t)
	site, err := faults.OpenSite(t.Context(), older, faults.SiteOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, site.Close()) })
	d := drillOn(t, site)
	d.install("stockhold-new", newer)
	oldServer, oldClient := d.usual()
	shop := faults.NewShop(faults.ShopOptions{Seed: 73})
	newClient := oldClient
	d.open(shop, []*faults.Client{oldClient}, func() {
		d.do("schema")
		d.sells(shop) // the old version, on the new schema
		site.Program = newer
		var newServer *faults.Process
		newServer, newClient = d.serve("upgrade-start")
		shop.Use(oldClient, newClient)
		d.grows(oldServer, frozen)
		d.grows(newServer, frozen) // two gates beside each other, one ledger
		d.sells(shop)
		d.drain(oldServer, shop, newClient)
		d.grows(newServer, frozen)
	})
	d.served(shop)
	site.Settings["STOCKHOLD_REDIS_PREFIX"] = "stockhold-2"
	d.install("stockhold", newer) // an operator's own, too: the old one refuses the new schema
	d.judge(newClient, shop)
	d.do("upgrade-tidy")
}

// Servers with a Redis Cluster start beside those with a single Redis, on one
// ledger; the old ones are drained, and the single Redis is no longer needed.
func TestMovingToRedisCluster(t *testing.T) {
	cluster := testservers.RedisCluster(t, 3, 0)
	d := newDrill(t, faults.SiteOptions{})
	oldServer, oldClient := d.usual()
	shop := faults.NewShop(faults.ShopOptions{Seed: 74})
	newClient := oldClient
	d.open(shop, []*faults.Client{oldClient}, func() {
		d.env["cluster"] = cluster.URL()
		var newServer *faults.Process
		newServer, newClient = d.serve("cluster-start")
		shop.Use(oldClient, newClient)
		d.grows(oldServer, frozen)
		d.grows(newServer, frozen)
		d.sells(shop)
		d.drain(oldServer, shop, newClient)
		require.NoError(t, d.site.Redis.Kill())
		d.grows(newServer, frozen)
	})
	d.served(shop)
	d.site.Settings["STOCKHOLD_REDIS_URL"] = cluster.URL()
	d.judge(newClient, shop)
}

// drain ends the old server as the document does, while it is called; then callers
// go to the new one alone, as a load balancer sees to.
func (d *drill) drain(server *faults.Process, shop *faults.Shop, left *faults.Client) {
	d.Helper()
	d.env["old"] = strconv.Itoa(server.Pid())
	d.do("drain")
	require.NoError(d, server.Wait(faults.Within(d, patience)), "a drain in order exits with 0")
	shop.Use(left)
	d.sells(shop)
}

// served says that nobody was refused but for stock of which there was little.
func (d *drill) served(shop *faults.Shop) {
	d.Helper()
	counts := shop.Tally.Counts()
	delete(counts.Refusals, stockholdv1.Reason_REASON_INSUFFICIENT_STOCK.String())
	require.Empty(d, counts.Refusals, "%+v", counts)
}
