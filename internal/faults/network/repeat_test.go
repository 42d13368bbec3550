//go:build faults

package network_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"stockhold/internal/faults"
)

// The client library sends a script again when the reply to it was lost, so Redis
// runs it twice. A freeze that runs twice takes the units once; a settle that runs
// twice gives them back once, and leaves those of other holds alone.
func TestScriptRunsTwice(t *testing.T) {
	t.Parallel()
	site := faults.NewSite(t, faults.SiteOptions{})
	site.Settings["STOCKHOLD_SWEEP_REAP_GRACE"] = "10m" // nobody else gives units back
	site.Settings["STOCKHOLD_GATE_TIMEOUT"] = "10s"     // and only a lost reply has a script sent again
	server, client := faults.StartServer(t, site)
	other, otherClient := faults.StartServer(t, site)
	require.NoError(t, client.SetStock(t.Context(), "twice", 100))
	store := site.Redis.Client()
	defer store.Close()

	// The other server stands still with a hold that is frozen and not settled. Its
	// first Try loads the row.
	_, err := otherClient.Try(t.Context(), tryOf(faults.Owner, "first", "twice", time.Hour))
	require.NoError(t, err)
	requirePending(t, store, 0)
	frozen := make(chan error, 1)
	stand := func() {
		require.NoError(t, other.Arm("try.frozen", "stop"))
		ctx := faults.Within(t, patience)
		go func() {
			_, err := otherClient.Try(ctx, tryOf(faults.Owner, "standing", "twice", time.Hour))
			frozen <- err
		}()
		require.NoError(t, other.Reached(t.Context()))
	}
	stand()
	t.Cleanup(func() { _ = other.Resume() })
	requirePending(t, store, held)

	// Both scripts name the hold, and nothing else that goes to Redis does.
	duplicates := metric(t, server, duplicateFreezes)
	require.NoError(t, site.ToRedis.LoseReplies(1, []byte("shop repeated")))
	require.NoError(t, server.Arm("try.frozen", "stop"))
	answered := make(chan error, 1)
	ctx := faults.Within(t, patience)
	go func() {
		_, err := client.Try(ctx, tryOf(faults.Owner, "repeated", "twice", time.Hour))
		answered <- err
	}()
	require.NoError(t, server.Reached(t.Context()))
	require.Equal(t, 1, site.ToRedis.Lost())
	requirePending(t, store, 2*held)

	require.NoError(t, site.ToRedis.LoseReplies(1, []byte("shop repeated")))
	require.NoError(t, server.Resume())
	require.NoError(t, <-answered)
	requirePending(t, store, held)
	require.Equal(t, 2, site.ToRedis.Lost())
	require.Equal(t, duplicates+1, metric(t, server, duplicateFreezes))

	require.NoError(t, other.Resume())
	require.NoError(t, <-frozen)
	requirePending(t, store, 0)
	requireRow(t, client, "twice", 100, 3*held, 0)
	require.NoError(t, site.Audit(t.Context()))
}

const duplicateFreezes = `stockhold_gate_freezes_total{outcome="duplicate"}`

// requirePending waits until the gate's row has so many units pending, and as
// many holds of them.
func requirePending(t *testing.T, store *redis.Client, units int) {
	t.Helper()
	require.Eventually(t, func() bool {
		p, err := store.HGet(t.Context(), "{stockhold} row default twice", "p").Result()
		holds, alsoErr := store.ZCard(t.Context(), "{stockhold} pending").Result()
		return err == nil && alsoErr == nil && p == strconv.Itoa(units) && holds == int64(units/held)
	}, recovery, 5*time.Millisecond, "%d units are to be pending", units)
}
