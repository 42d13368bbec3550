package inventory

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

// requireAway expects that a freeze has no answer and that the error says so.
func requireAway(t *testing.T, g *Gate, because string) {
	t.Helper()
	got := g.Freeze(t.Context(), []Hold{hold("away", line("apple", 1))})[0]
	require.Equal(t, Away, got.Outcome)
	require.ErrorIs(t, got.Err, ErrAway)
	require.ErrorContains(t, got.Err, because)
}

// A full Redis freezes nothing more, but takes what the ledger committed, or it
// would stay full; and its refusals do not open the breaker, which would stop the
// settles as well.
func TestFullRedisSettles(t *testing.T) {
	server := testservers.NewRedis(t, testservers.RedisOptions{MaxMemory: "100mb", Config: []string{"maxmemory-policy noeviction"}})
	g := openGate(t, server.URL())
	ctx := t.Context()
	require.NoError(t, g.Settle(ctx, []View{view("apple", 10, 1), view("pear", 10, 1)}, nil))
	require.Equal(t, Frozen, g.Freeze(ctx, []Hold{hold("1", line("apple", 3))})[0].Outcome)
	require.NoError(t, g.client.ConfigSet(ctx, "maxmemory", "1").Err())

	for range 3 * breakerFailures {
		requireAway(t, g, "OOM")
	}
	require.NoError(t, g.Settle(ctx, []View{view("apple", 7, 2), view("fig", 1, 1)}, []HoldID{id("1")}))
	require.Equal(t, text("apple: q 7, v 2, p 0", "fig: q 1, v 1, p 0", "pear: q 10, v 1, p 0"), dump(t, g))
	dropped, err := g.Drop(ctx, []View{view("pear", 10, 1)})
	require.NoError(t, err)
	require.Equal(t, 1, dropped)
	require.NoError(t, g.client.ConfigSet(ctx, "maxmemory", "0").Err())
	require.NoError(t, g.client.HSet(ctx, g.keys.row(key("apple")), "p", 5).Err())
	require.NoError(t, g.client.ConfigSet(ctx, "maxmemory", "1").Err())
	leaks, err := g.Reclaim(ctx, []Key{key("apple")})
	require.NoError(t, err)
	require.Equal(t, []Leak{{key("apple"), 5}}, leaks)

	require.NoError(t, g.client.ConfigSet(ctx, "maxmemory", "0").Err())
	require.Equal(t, Frozen, g.Freeze(ctx, []Hold{hold("1", line("apple", 3))})[0].Outcome)
}

func TestReplicaIsAway(t *testing.T) {
	pair := testservers.RedisPair(t)
	g := openGate(t, pair.Replica.URL())
	requireAway(t, g, "READONLY")
	require.ErrorIs(t, g.Settle(t.Context(), []View{view("apple", 1, 1)}, nil), ErrAway)
	warnings, err := g.Warnings(t.Context())
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], "read-only replica")

	require.NoError(t, pair.Promote(t.Context()))
	requireComesBack(t, g)
}

// requireComesBack waits until the gate works again, by itself.
func requireComesBack(t *testing.T, g *Gate) {
	t.Helper()
	ctx := t.Context()
	var got Freeze
	require.Eventually(t, func() bool {
		got = g.Freeze(ctx, []Hold{hold("back", line("not loaded", 1))})[0]
		return got.Outcome != Away
	}, 30*time.Second, 20*time.Millisecond, "the gate stays away")
	require.Equal(t, NotLoaded, got.Outcome)
	require.Eventually(t, func() bool {
		return g.Settle(ctx, []View{view("apple", 1, 1)}, []HoldID{id("back")}) == nil
	}, 30*time.Second, 20*time.Millisecond, "the gate cannot settle")
}

func TestNothingListens(t *testing.T) {
	server := testservers.NewRedis(t, testservers.RedisOptions{})
	require.NoError(t, server.Kill())
	g := openGate(t, server.URL())
	ctx := t.Context()
	requireAway(t, g, "connection refused")
	require.ErrorIs(t, g.Ping(ctx), ErrAway)
	require.ErrorIs(t, g.Wipe(ctx), ErrAway)
	require.ErrorIs(t, g.Settle(ctx, nil, []HoldID{id("1")}), ErrAway)
	_, err := g.Rows(ctx, []Key{key("apple")})
	require.ErrorIs(t, err, ErrAway)
	_, _, err = g.Scan(ctx, 0, 10)
	require.ErrorIs(t, err, ErrAway)
	_, err = g.Pending(ctx, 0, 10)
	require.ErrorIs(t, err, ErrAway)
	_, err = g.Drop(ctx, []View{view("apple", 1, 1)})
	require.ErrorIs(t, err, ErrAway)
	_, err = g.Reclaim(ctx, []Key{key("apple")})
	require.ErrorIs(t, err, ErrAway)
	_, err = g.Warnings(ctx)
	require.ErrorIs(t, err, ErrAway)
}

func TestWrongPasswordIsAway(t *testing.T) {
	server := testservers.NewRedis(t, testservers.RedisOptions{Password: "right"})
	g := openGate(t, "redis://:wrong@"+server.Addr())
	requireAway(t, g, "WRONGPASS")
}

// What a server says that cannot serve is told from what it says of the call.
func TestRepliesThatMeanAway(t *testing.T) {
	server := miniredis.RunT(t)
	client, err := connect("redis://"+server.Addr()+"?max_retries=-1", time.Minute)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	for message, away := range map[string]bool{
		"LOADING Redis is loading the dataset in memory":                         true,
		"READONLY You can't write against a read only replica.":                  true,
		"READONLY You can't write against a read only replica. script: 1f, on @": true,
		"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is no": true,
		"CLUSTERDOWN Hash slot not served":                                       true,
		"OOM command not allowed when used memory > 'maxmemory'.":                true,
		"MISCONF Redis is configured to save RDB snapshots":                      true,
		"NOREPLICAS Not enough good replicas to write.":                          true,
		"BUSY Redis is busy running a script.":                                   true,
		"TRYAGAIN Multiple keys request during rehashing of slot":                true,
		"NOAUTH Authentication required.":                                        true,
		"NOPERM this user has no permissions to run the 'evalsha' command":       true,
		"ERR max number of clients reached":                                      true,
		"MOVED 1234 127.0.0.1:1":                                                 true,
		"WRONGTYPE Operation against a key holding the wrong kind of value":      false,
		"ERR Error compiling script (new function): user_script:1":               false,
		"NOSCRIPT No matching script. Please use EVAL.":                          false,
	} {
		server.SetError(message)
		err := classify(t.Context(), client.Ping(t.Context()).Err())
		require.ErrorContains(t, err, message)
		require.Equal(t, away, errors.Is(err, ErrAway), message)
		require.Equal(t, message[:3] == "OOM", isFull(err), message)
	}
}

// A reply that makes no sense is no reason to go without the gate's breaker, and
// does not pass as an answer either.
func TestStrangersKeyUnderOurName(t *testing.T) {
	g := openGate(t, testservers.Redis(t).URL())
	ctx := t.Context()
	require.NoError(t, g.Settle(ctx, []View{view("apple", 10, 1)}, nil))
	require.NoError(t, g.client.Set(ctx, g.keys.row(key("pear")), "a stranger's", 0).Err())
	for range 3 * breakerFailures {
		got := g.Freeze(ctx, []Hold{hold("1", line("pear", 1)), hold("2", line("apple", 1), line("pear", 1)), hold("3", line("apple", 1))})
		for i, f := range got[:2] {
			require.Equal(t, Away, f.Outcome)
			require.ErrorContains(t, f.Err, fmt.Sprintf("freeze hold orders/%d: WRONGTYPE", i+1))
			require.NotErrorIs(t, f.Err, ErrAway)
		}
		require.NoError(t, got[2].Err, "the others are served")
	}
	require.ErrorContains(t, g.Settle(ctx, []View{view("apple", 5, 2), view("pear", 1, 1)}, nil), "WRONGTYPE")
	rows, err := g.Rows(ctx, []Key{key("apple")})
	require.NoError(t, err)
	require.Equal(t, []Row{{View: view("apple", 10, 1), Pending: 1, Loaded: true}}, rows, "nothing is written before all is read")
}

func TestCallerThatIsGone(t *testing.T) {
	g := openEmbedded(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 * breakerFailures {
		got := g.Freeze(ctx, []Hold{hold("1", line("apple", 1)), hold("2", line("apple", 1))})
		for _, f := range got {
			require.Equal(t, Away, f.Outcome)
			require.ErrorIs(t, f.Err, context.Canceled)
			require.NotErrorIs(t, f.Err, ErrAway)
		}
	}
	require.Equal(t, NotLoaded, g.Freeze(t.Context(), []Hold{hold("1", line("apple", 1))})[0].Outcome)
}

func TestFreezeOfNothing(t *testing.T) {
	g := openEmbedded(t)
	require.Empty(t, g.Freeze(t.Context(), nil))
	require.NoError(t, g.Settle(t.Context(), nil, nil))
	dropped, err := g.Drop(t.Context(), nil)
	require.NoError(t, err)
	require.Zero(t, dropped)
}
