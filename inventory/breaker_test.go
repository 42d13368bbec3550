package inventory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

// A Redis that is stopped, as in a long pause of its machine, takes no connection
// away: only time tells. The breaker opens, the hot path does not wait any more,
// and when Redis goes on, so does the gate.
func TestStoppedRedis(t *testing.T) {
	server := testservers.NewRedis(t, testservers.RedisOptions{})
	loader := openGate(t, server.URL())
	ctx := t.Context()
	require.NoError(t, loader.Settle(ctx, []View{view("apple", 10, 1)}, nil))
	g, err := Open(server.URL(), Options{Prefix: prefixOf(loader)})
	require.NoError(t, err)
	closeAfter(t, g)

	require.NoError(t, server.Signal(syscall.SIGSTOP))
	for range breakerFailures {
		require.Equal(t, gobreaker.StateClosed, g.breaker.circuit.State())
		requireAway(t, g, "") // the socket or the context notices first
	}
	require.Eventually(t, func() bool { // once a second, a call tries in vain
		err := g.Settle(ctx, []View{view("apple", 9, 2)}, nil)
		return errors.Is(err, ErrAway) && strings.Contains(err.Error(), fmt.Sprintf("no answer from Redis %d times in a row", breakerFailures))
	}, 30*time.Second, time.Millisecond)

	require.NoError(t, server.Signal(syscall.SIGCONT))
	requireComesBack(t, g)
	require.Equal(t, gobreaker.StateClosed, g.breaker.circuit.State())
	// The freezes that timed out may have happened.
	require.NoError(t, loader.Settle(ctx, []View{view("apple", 8, 3)}, []HoldID{id("away")}))
	require.Equal(t, "apple: q 8, v 3, p 0", dump(t, loader))
}

// A caller with little time says nothing of Redis, however many there are.
func TestImpatientCallersDoNotOpenTheBreaker(t *testing.T) {
	server := testservers.NewRedis(t, testservers.RedisOptions{})
	g := openGate(t, server.URL())
	require.Equal(t, NotLoaded, g.Freeze(t.Context(), []Hold{hold("1", line("apple", 1))})[0].Outcome)
	require.NoError(t, server.Signal(syscall.SIGSTOP))
	for range 3 * breakerFailures {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		got := g.Freeze(ctx, []Hold{hold("1", line("apple", 1))})[0]
		cancel()
		require.Equal(t, Away, got.Outcome)
		require.NotErrorIs(t, got.Err, ErrAway)
	}
	require.Equal(t, gobreaker.StateClosed, g.breaker.circuit.State())
	require.NoError(t, server.Signal(syscall.SIGCONT))
	require.Equal(t, NotLoaded, g.Freeze(t.Context(), []Hold{hold("1", line("apple", 1))})[0].Outcome)
}

// A Redis that was killed and comes back empty knows neither rows nor scripts.
func TestRedisComesBackEmpty(t *testing.T) {
	server := testservers.NewRedis(t, testservers.RedisOptions{})
	g := openGate(t, server.URL())
	ctx := t.Context()
	for round := range int64(3) {
		require.NoError(t, g.Settle(ctx, []View{view("apple", 10, 1)}, nil))
		h := hold(fmt.Sprint(round), line("apple", 4))
		require.Equal(t, Frozen, g.Freeze(ctx, []Hold{h})[0].Outcome)
		require.NoError(t, server.Kill())
		requireAway(t, g, "")
		require.NoError(t, server.Restart(ctx))
		requireComesBack(t, g)
		require.Equal(t, "apple: q 1, v 1, p 0", dump(t, g))
		require.NoError(t, g.Settle(ctx, []View{view("apple", 6, 2)}, []HoldID{h.HoldID}))
		require.Equal(t, "apple: q 6, v 2, p 0", dump(t, g))
		require.NoError(t, g.Wipe(ctx))
	}
}

// The scripts come back by themselves, also for many calls in one round trip.
func TestForgottenScripts(t *testing.T) {
	g := openGate(t, testservers.NewRedis(t, testservers.RedisOptions{}).URL())
	ctx := t.Context()
	forget := func() { require.NoError(t, g.client.ScriptFlush(ctx).Err()) }
	forget()
	require.NoError(t, g.Settle(ctx, []View{view("apple", 2, 1)}, nil))
	forget()
	require.Equal(t, []Freeze{{Outcome: Frozen}, {Outcome: Frozen}, {Outcome: Insufficient, Lines: []int{0}}},
		g.Freeze(ctx, []Hold{hold("1", line("apple", 1)), hold("2", line("apple", 1)), hold("3", line("apple", 1))}))
	forget()
	dropped, err := g.Drop(ctx, []View{view("apple", 2, 1)})
	require.NoError(t, err)
	require.Equal(t, 1, dropped)
}

func TestSentinelFailsOver(t *testing.T) {
	set := testservers.RedisSentinel(t)
	g := openGateWith(t, set.URL(), 5*time.Second)
	ctx := t.Context()
	require.NoError(t, g.Settle(ctx, []View{view("apple", 10, 1)}, nil))
	require.NoError(t, g.Ping(ctx))
	require.NoError(t, set.Primary.Kill())
	requireComesBack(t, g)
}
