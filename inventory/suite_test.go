package inventory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

// TestGate runs every test of the gate's work on the embedded Redis, on a real
// one, on a replicated pair and on a cluster of three masters.
func TestGate(t *testing.T) {
	tests := []struct {
		name string
		run  func(*testing.T, *Gate)
	}{
		{"Rows", testRows},
		{"ScanFindsOurRowsAlone", testScanFindsOurRowsAlone},
		{"Pending", testPending},
		{"PendingByTheClockOfRedis", testPendingByTheClockOfRedis},
		{"WipeTakesOurKeysAlone", testWipeTakesOurKeysAlone},
		{"Ping", testPing},
		{"FreezeFromManyGoroutines", testFreezeFromManyGoroutines},
		{"LargeHolds", testLargeHolds},
		{"HoldLargerThanUnpack", testHoldLargerThanUnpack},
		{"ManyHoldsInOneCall", testManyHoldsInOneCall},
		{"FlightLargerThanUnpack", testFlightLargerThanUnpack},
		{"StrangersLines", testStrangersLines},
		{"ReclaimInPieces", testReclaimInPieces},
		{"Scripts", testScripts},
	}
	everywhere := func(name string, open func(t *testing.T) *Gate, after func(t *testing.T, g *Gate)) {
		for _, test := range tests {
			t.Run(name+"/"+test.name, func(t *testing.T) {
				g := open(t)
				test.run(t, g)
				after(t, g)
			})
		}
	}
	nothing := func(*testing.T, *Gate) {}
	everywhere("embedded", func(t *testing.T) *Gate { return openEmbedded(t) }, nothing)
	single := testservers.Redis(t)
	everywhere("single", func(t *testing.T) *Gate { return openGate(t, single.URL()) }, nothing)
	pair := testservers.RedisPair(t)
	everywhere("pair", func(t *testing.T) *Gate { return openGate(t, pair.Primary.URL()) },
		func(t *testing.T, g *Gate) { requireSameOnReplica(t, g, pair.Replica.Client()) })
	cluster := testservers.RedisCluster(t, 3, 0)
	everywhere("cluster", func(t *testing.T) *Gate { return openGate(t, cluster.URL()) }, nothing)
}

// requireSameOnReplica waits until the replica has all that the primary has.
func requireSameOnReplica(t *testing.T, g *Gate, replica *redis.Client) {
	t.Helper()
	defer replica.Close()
	ctx := t.Context()
	other := &Gate{client: replica, keys: g.keys, timeout: g.timeout}
	want := dump(t, g)
	got := dump(t, other)
	for began := time.Now(); got != want && time.Since(began) < patience; got = dump(t, other) {
		time.Sleep(10 * time.Millisecond)
	}
	require.Equal(t, want, got)
	require.NoError(t, ctx.Err())
}

// dump lists everything under the gate's prefix in a form for people: rows by what
// they say of a sku, then pending holds with their lines. Keys that are none of
// these show as they are.
func dump(t *testing.T, g *Gate) string {
	t.Helper()
	ctx := t.Context()
	var names []string
	require.NoError(t, g.onNode(ctx, func(ctx context.Context, node *redis.Client) error {
		for cursor := uint64(0); ; {
			page, next, err := node.Scan(ctx, cursor, g.keys.anyKey(), 1000).Result()
			if err != nil {
				return err
			}
			names = append(names, page...)
			if cursor = next; cursor == 0 {
				return nil
			}
		}
	}))
	slices.Sort(names)
	var rows, holds, rest []string
	for _, name := range slices.Compact(names) {
		if name == g.keys.pending() {
			members, err := g.client.ZRange(ctx, name, 0, -1).Result()
			require.NoError(t, err)
			for _, member := range members {
				holds = append(holds, dumpHold(t, g, member))
			}
			continue
		}
		if sku, err := g.keys.parseRow(name); err == nil {
			fields, err := g.client.HGetAll(ctx, name).Result()
			require.NoError(t, err)
			rows = append(rows, fmt.Sprintf("%s: q %s, v %s, p %s", sku.SKU, fields["q"], fields["v"], fields["p"]))
			continue
		}
		if name == g.keys.holds() {
			members, err := g.client.HKeys(ctx, name).Result()
			require.NoError(t, err)
			for _, member := range members {
				score, err := g.client.ZScore(ctx, g.keys.pending(), member).Result()
				if err != nil {
					rest = append(rest, "? lines of "+member)
					continue
				}
				require.Greater(t, score, 1.6e12, "milliseconds since 1970") // dumped with the sorted set
			}
			continue
		}
		rest = append(rest, "? "+name)
	}
	slices.Sort(holds)
	slices.Sort(rest)
	return strings.Join(slices.Concat(rows, holds, rest), "\n")
}

func dumpHold(t *testing.T, g *Gate, name string) string {
	t.Helper()
	held, err := parseHold(name)
	require.NoError(t, err)
	packed, err := g.client.HMGet(t.Context(), g.keys.holds(), name).Result()
	require.NoError(t, err)
	hold, err := decodeHold(g.keys, held, packed[0])
	require.NoError(t, err)
	var lines []string
	for _, line := range hold.Lines {
		lines = append(lines, fmt.Sprintf("%d %s", line.Quantity, line.SKU))
	}
	return fmt.Sprintf("%s pending: %s", held.ID, strings.Join(lines, ", "))
}
