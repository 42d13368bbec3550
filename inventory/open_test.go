package inventory

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"stockhold/internal/testservers"
)

func TestConnect(t *testing.T) {
	open := func(address string) redis.UniversalClient {
		client, err := connect(address, 123*time.Millisecond)
		require.NoError(t, err, address)
		t.Cleanup(func() { require.NoError(t, client.Close()) })
		return client
	}
	one := open("redis://me:p%40ss@example:1234/5?pool_size=7").(*redis.Client).Options()
	require.Equal(t, []any{"example:1234", "me", "p@ss", 5, 7}, []any{one.Addr, one.Username, one.Password, one.DB, one.PoolSize})
	require.Nil(t, one.TLSConfig)
	require.True(t, one.ContextTimeoutEnabled)
	require.Equal(t, []time.Duration{123 * time.Millisecond, 123 * time.Millisecond, 123 * time.Millisecond, dialTimeout},
		[]time.Duration{one.ReadTimeout, one.WriteTimeout, one.PoolTimeout, one.DialTimeout})
	require.Equal(t, []int{1, 1}, []int{one.MaxRetries, one.DialerRetries})

	set := open("rediss://example?read_timeout=2s&max_retries=-1").(*redis.Client).Options()
	require.NotNil(t, set.TLSConfig)
	require.Equal(t, 2*time.Second, set.ReadTimeout)
	require.Equal(t, 0, set.MaxRetries, "go-redis's way to say none")

	socket := open("unix:///run/redis.sock?db=2").(*redis.Client).Options()
	require.Equal(t, []any{"unix", "/run/redis.sock", 2}, []any{socket.Network, socket.Addr, socket.DB})

	many := open("rediss://me:secret@one:1?addr=two:2&addr=three:3").(*redis.ClusterClient).Options()
	require.Equal(t, []string{"one:1", "two:2", "three:3"}, many.Addrs)
	require.Equal(t, "secret", many.Password)
	require.True(t, many.ContextTimeoutEnabled)
	require.Equal(t, 123*time.Millisecond, many.ReadTimeout)
	require.Equal(t, clusterReload, many.ClusterStateReloadInterval, "a dead master is left within seconds")

	watched := open("redis://one:1/3?master_name=shop&addr=two:2&password=secret").(*redis.Client).Options()
	require.Equal(t, []any{"FailoverClient", "secret", 3}, []any{watched.Addr, watched.Password, watched.DB})
	require.True(t, watched.ContextTimeoutEnabled)
	require.Equal(t, 123*time.Millisecond, watched.ReadTimeout)
}

func TestOpenErrors(t *testing.T) {
	for address, want := range map[string]string{
		"":                                  "invalid URL scheme",
		"example:6379":                      "invalid URL scheme",
		"http://example":                    "invalid URL scheme",
		"redis://me:sec/ret@example:6379":   "cannot be read",
		"redis://me:1/secret@example:6379":  "cannot be read",
		"redis://me:1?secret@example:6379":  "cannot be read",
		"redis://me:%secret@example:6379":   "cannot be read",
		"redis://example/shop":              "invalid database number",
		"redis://example?colour=red":        "unexpected option: colour",
		"redis://example?read_timeout=long": "invalid read_timeout",
		"redis://a?addr=b":                  "unable to parse addr",
		"redis://a?addr=b:1&read_only=true": "parameter read_only: the gate reads and writes on masters only",
		"redis://a?master_name=m&replica_only=true&route_by_latency=1": "the gate reads and writes on masters only",
	} {
		_, err := Open(address, Options{})
		require.ErrorContains(t, err, want, address)
		require.ErrorContains(t, err, "redis url: ", address)
		require.NotContains(t, err.Error(), "ret", "no part of the password")
	}
	_, err := Open("redis://example", Options{Prefix: "a b"})
	require.ErrorContains(t, err, `gate prefix "a b"`)
	_, err = OpenEmbedded(Options{Prefix: "{}"})
	require.ErrorContains(t, err, `gate prefix "{}"`)
}

func TestDefaults(t *testing.T) {
	g, err := Open("redis://example", Options{})
	require.NoError(t, err)
	closeAfter(t, g)
	require.Equal(t, "{stockhold} pending", g.keys.pending())
	require.Equal(t, 250*time.Millisecond, g.timeout)
	g, err = OpenEmbedded(Options{})
	require.NoError(t, err)
	closeAfter(t, g)
	require.Equal(t, 5*time.Second, g.timeout)
}

func TestTwoPrefixesOnOneRedis(t *testing.T) {
	url := testservers.Redis(t).URL()
	a, b := openGate(t, url), openGate(t, url)
	ctx := t.Context()
	require.NoError(t, a.Settle(ctx, []View{view("apple", 1, 1)}, nil))
	require.NoError(t, b.Settle(ctx, []View{view("apple", 2, 2)}, nil))
	require.NoError(t, a.Wipe(ctx))
	require.Empty(t, dump(t, a))
	require.Equal(t, "apple: q 2, v 2, p 0", dump(t, b))
}

// Nobody on the machine gets into the embedded Redis without the password.
func TestEmbeddedRedisIsLocked(t *testing.T) {
	g := openEmbedded(t)
	options := *g.client.(*redis.Client).Options()
	require.Contains(t, options.Addr, "127.0.0.1:")
	require.NotEmpty(t, options.Password)
	for _, password := range []string{"", "guess"} {
		client, err := connect("redis://:"+password+"@"+options.Addr, time.Minute)
		require.NoError(t, err)
		require.Error(t, client.Get(t.Context(), "x").Err())
		require.NoError(t, client.Close())
	}
	other := openEmbedded(t)
	require.NotEqual(t, options.Password, other.client.(*redis.Client).Options().Password)
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	single, cluster := testservers.Redis(t), testservers.RedisCluster(t, 3, 0)
	gates := map[string]func(Options) (*Gate, error){
		"embedded": OpenEmbedded,
		"single":   func(o Options) (*Gate, error) { return Open(single.URL(), o) },
		"cluster":  func(o Options) (*Gate, error) { return Open(cluster.URL(), o) },
		"away":     func(o Options) (*Gate, error) { return Open("redis://127.0.0.1:1", o) },
	}
	for name, open := range gates {
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			g, err := open(Options{Prefix: testservers.Prefix(t), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
			require.NoError(t, err)
			for range 2 * breakerFailures {
				g.Freeze(t.Context(), []Hold{hold("1", line("apple", 1))})
			}
			require.NoError(t, g.Close())
			got := g.Freeze(context.WithoutCancel(t.Context()), []Hold{hold("1", line("apple", 1))})[0]
			require.Equal(t, Away, got.Outcome)
			require.ErrorIs(t, got.Err, ErrAway, "a closed gate is away")
			// go-redis's dialer sleeps for up to a second before it sees that its pool is closed.
			require.Eventually(t, func() bool { return goleak.Find(before) == nil }, 30*time.Second, 10*time.Millisecond)
		})
	}
}

func TestInfoWarnings(t *testing.T) {
	info := func(lines ...string) []string { return infoWarnings(strings.Join(lines, "\r\n")) }
	require.Empty(t, info())
	require.Empty(t, info("# Server", "redis_version:7.0.15", "# Memory", "maxmemory_policy:noeviction", "role:master"))
	require.Empty(t, info("redis_version:8.4.0", "maxmemory_policy:volatile-lru"), "none of our keys expires")
	got := info("redis_version:6.2.14", "maxmemory_policy:allkeys-lru", "role:slave")
	require.Len(t, got, 3)
	require.Contains(t, got[0], "redis 6.2.14 cannot run the gate's scripts")
	require.Contains(t, got[1], "maxmemory-policy allkeys-lru")
	require.Contains(t, got[2], "read-only replica")
}

func TestWarnings(t *testing.T) {
	evicting := testservers.NewRedis(t, testservers.RedisOptions{Config: []string{"maxmemory-policy allkeys-lru"}})
	warnings, err := openGate(t, evicting.URL()).Warnings(t.Context())
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], "may evict the gate's rows")

	// As managed services do: neither INFO nor CONFIG.
	admin := evicting.Client()
	defer admin.Close()
	require.NoError(t, admin.ACLSetUser(t.Context(), "app", "on", ">secret", "~*", "+@all", "-info", "-config").Err())
	g := openGate(t, "redis://app:secret@"+evicting.Addr())
	warnings, err = g.Warnings(t.Context())
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.NoError(t, g.Settle(t.Context(), []View{view("apple", 1, 1)}, nil))
}
