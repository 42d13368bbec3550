package inventory

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

// Only the clock of Redis dates a pending hold and tells its age: one that lives
// years behind this process is believed.
func TestTheClockIsThatOfRedis(t *testing.T) {
	server := miniredis.RunT(t)
	client, err := connect("redis://"+server.Addr(), patience)
	require.NoError(t, err)
	options := Options{Prefix: testservers.Prefix(t)}
	g, err := newGate(client, newPlainScripts(), options.withDefaults(patience), func() {})
	require.NoError(t, err)
	closeAfter(t, g)
	began := time.Date(2016, 1, 2, 3, 4, 5, 6e6, time.UTC)
	ctx := t.Context()
	pending := func(olderThan time.Duration) (names []string) {
		holds, err := g.Pending(ctx, olderThan, 10)
		require.NoError(t, err)
		for _, h := range holds {
			names = append(names, h.ID)
		}
		return names
	}

	require.NoError(t, g.Settle(ctx, []View{view("apple", 10, 1)}, nil))
	for i, name := range []string{"first", "second"} {
		server.SetTime(began.Add(time.Duration(i) * time.Minute))
		require.Equal(t, Frozen, g.Freeze(ctx, []Hold{hold(name, line("apple", 1))})[0].Outcome)
	}
	score, err := server.ZScore(g.keys.pending(), holdName(id("first")))
	require.NoError(t, err)
	require.Equal(t, float64(began.UnixMilli()), score)
	require.Equal(t, []string{"first", "second"}, pending(0))
	require.Equal(t, []string{"first"}, pending(time.Minute))
	require.Empty(t, pending(time.Minute+time.Millisecond))
	server.SetTime(began.Add(time.Hour))
	require.Equal(t, []string{"first", "second"}, pending(30*time.Minute))
}
