package inventory

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// TestScripts is the quick part of TestGate: the scripts on the embedded Redis,
// without any server.
func TestScripts(t *testing.T) { testScripts(t, openEmbedded(t)) }

// A script that fails half-way has written nothing: an error in Lua does not undo
// what was written before it, so all is read first.
func TestScriptsThatFailChangeNothing(t *testing.T) {
	g := openEmbedded(t)
	ctx := t.Context()
	strange := g.keys.row(key("pear"))
	require.NoError(t, g.Settle(ctx, []View{view("apple", 10, 1), view("pear", 10, 1)}, nil))
	require.Equal(t, Frozen, g.Freeze(ctx, []Hold{hold("1", line("apple", 3))})[0].Outcome)
	require.Equal(t, Frozen, g.Freeze(ctx, []Hold{hold("2", line("pear", 2))})[0].Outcome)
	require.NoError(t, g.client.Set(ctx, strange, "a stranger's", 0).Err())

	got := g.Freeze(ctx, []Hold{hold("3", line("apple", 1), line("pear", 1))})[0]
	require.Equal(t, Away, got.Outcome)
	require.ErrorContains(t, got.Err, "WRONGTYPE")
	err := g.Settle(ctx, []View{view("apple", 7, 2)}, []HoldID{id("1"), id("2")})
	require.ErrorContains(t, err, "WRONGTYPE")
	_, err = g.Reclaim(ctx, []Key{key("apple"), key("pear")})
	require.ErrorContains(t, err, "WRONGTYPE")

	require.NoError(t, g.client.Del(ctx, strange).Err())
	require.Equal(t, text("apple: q 10, v 1, p 3", "1 pending: 3 apple", "2 pending: 2 pear"), dump(t, g))
	require.ErrorIs(t, g.client.ZScore(ctx, g.keys.pending(), holdName(id("3"))).Err(), redis.Nil)
}
