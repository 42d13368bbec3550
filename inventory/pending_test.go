package inventory

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

// A clock that was set back leaves holds dated in the future. They are listed with
// the old ones, for otherwise nobody would settle them until it has caught up.
func TestHoldsFromTheFutureAreOld(t *testing.T) {
	server := miniredis.RunT(t)
	client, err := connect("redis://"+server.Addr(), patience)
	require.NoError(t, err)
	options := Options{Prefix: testservers.Prefix(t)}
	g, err := newGate(client, newPlainScripts(), options.withDefaults(patience), func() {})
	require.NoError(t, err)
	closeAfter(t, g)
	ctx := t.Context()
	require.NoError(t, g.Settle(ctx, []View{view("apple", 10, 1)}, nil))
	now := time.Date(2016, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, at := range map[string]time.Duration{"ahead": time.Hour, "old": -time.Minute, "young": 0, "soon": time.Second} {
		server.SetTime(now.Add(at))
		require.Equal(t, Frozen, g.Freeze(ctx, []Hold{hold(name, line("apple", 1))})[0].Outcome)
	}
	server.SetTime(now)
	for limit, want := range map[int][]string{1: {"old"}, 2: {"old", "ahead"}, 10: {"old", "ahead"}} {
		holds, err := g.Pending(ctx, 30*time.Second, limit)
		require.NoError(t, err)
		var names []string
		for _, h := range holds {
			names = append(names, h.ID)
		}
		require.Equal(t, want, names, "at most %d", limit)
	}
}
