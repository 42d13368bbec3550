package inventory

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

// manyLines is the largest hold that the wire contract allows.
const manyLines = 2000

func largeHold(name string, units int64) Hold { return holdOf(name, manyLines, units) }

func holdOf(name string, lines int, units int64) Hold {
	h := Hold{HoldID: id(name)}
	for i := range lines {
		h.Lines = append(h.Lines, line(fmt.Sprintf("sku-%04d", i), units))
	}
	return h
}

func largeViews(quota, version int64) []View {
	views := make([]View, manyLines)
	for i := range views {
		views[i] = view(fmt.Sprintf("sku-%04d", i), quota, version)
	}
	return views
}

func largeKeys() []Key {
	keys := make([]Key, manyLines)
	for i := range keys {
		keys[i] = key(fmt.Sprintf("sku-%04d", i))
	}
	return keys
}

// requireRows expects the same of every row of a large hold.
func requireRows(t *testing.T, g *Gate, quota, version, pending int64) {
	t.Helper()
	rows, err := g.Rows(t.Context(), largeKeys())
	require.NoError(t, err)
	want := make([]Row, manyLines)
	for i, v := range largeViews(quota, version) {
		want[i] = Row{View: v, Pending: pending, Loaded: true}
	}
	require.Equal(t, want, rows)
}

// Holds of 2,000 lines of up to 1e12 units each.
func testLargeHolds(t *testing.T, g *Gate) {
	ctx := t.Context()
	every := make([]int, manyLines)
	for i := range every {
		every[i] = i
	}
	one := largeHold("1", 1e9)
	require.Equal(t, []Freeze{{Outcome: NotLoaded, Lines: every}}, g.Freeze(ctx, []Hold{one}))
	require.NoError(t, g.Settle(ctx, largeViews(1e12, 1), nil))
	requireRows(t, g, 1e12, 1, 0)

	// Three of them are more lines than one round trip takes.
	got := g.Freeze(ctx, []Hold{one, one, largeHold("2", 1e12-2e9), largeHold("3", 1e9+1), largeHold("4", 1e9)})
	require.Equal(t, []Freeze{
		{Outcome: Frozen}, {Outcome: Duplicate}, {Outcome: Frozen}, {Outcome: Insufficient, Lines: every}, {Outcome: Frozen},
	}, got)
	requireRows(t, g, 1e12, 1, 1e12)

	pending, err := g.Pending(ctx, 0, 10)
	require.NoError(t, err)
	require.ElementsMatch(t, []Hold{one, largeHold("2", 1e12-2e9), largeHold("4", 1e9)}, pending)

	require.NoError(t, g.Settle(ctx, largeViews(1e12-1e9, 2), []HoldID{id("1")}))
	requireRows(t, g, 1e12-1e9, 2, 1e12-1e9)
	require.NoError(t, g.Settle(ctx, largeViews(1e12-1e9, 2), []HoldID{id("1"), id("2"), id("4")}))
	requireRows(t, g, 1e12-1e9, 2, 0)
	dropped, err := g.Drop(ctx, largeViews(0, 2))
	require.NoError(t, err)
	require.Equal(t, manyLines, dropped)
	require.Empty(t, dump(t, g))
}

// The scripts have no limit of lines themselves; Lua's unpack fails at some 8,000 values.
func testHoldLargerThanUnpack(t *testing.T, g *Gate) {
	ctx := t.Context()
	h := holdOf("1", 5000, 1)
	var views []View
	for _, l := range h.Lines {
		views = append(views, View{Key: l.Key, Quota: 1, Version: 1})
	}
	require.NoError(t, g.Settle(ctx, views, nil))
	require.Equal(t, []Freeze{{Outcome: Frozen}}, g.Freeze(ctx, []Hold{h}))
	pending, err := g.Pending(ctx, 0, 10)
	require.NoError(t, err)
	require.Equal(t, []Hold{h}, pending)
	require.NoError(t, g.Settle(ctx, nil, []HoldID{h.HoldID}))
	require.Equal(t, []Freeze{{Outcome: Frozen}}, g.Freeze(ctx, []Hold{h}), "all units are back")
}

// Nobody else is served while a script runs, so a settle of much is several.
func TestSettleInPieces(t *testing.T) {
	g := openGate(t, testservers.Redis(t).URL())
	ctx := t.Context()
	require.NoError(t, g.Settle(ctx, largeViews(100, 1), nil))
	var holds []Hold
	var ids []HoldID
	for i := range 7 {
		h := largeHold(fmt.Sprint("large-", i), 1)
		holds = append(holds, h)
		ids = append(ids, h.HoldID)
	}
	for i := range rowsPerTrip + 500 {
		h := hold(fmt.Sprint("small-", i), line("sku-0000", 0))
		holds = append(holds, h)
		ids = append(ids, h.HoldID)
	}
	for i, f := range g.Freeze(ctx, holds) {
		require.Equal(t, Frozen, f.Outcome, holds[i].HoldID)
	}

	settles := settleSizes(g)
	g.client.AddHook(settles)
	require.NoError(t, g.Settle(ctx, largeViews(90, 2), ids))
	requireRows(t, g, 90, 2, 0)
	pending, err := g.Pending(ctx, 0, 1)
	require.NoError(t, err)
	require.Empty(t, pending)
	require.Equal(t, []string{
		"0 views, 1000 holds", // 2 large ones done
		"0 views, 1000 holds", // 2 more
		"0 views, 1000 holds", // 2 more
		"0 views, 1000 holds", // the last large one, and 999 small ones
		"1000 views, 501 holds",
		"1000 views, 0 holds",
	}, settles.seen)
}

// A run that has no lines left for its last holds leaves the views to the next:
// else rows would be short for as long as the units of those holds count twice.
func TestUnfinishedSettleLeavesTheViews(t *testing.T) {
	g := openGate(t, testservers.Redis(t).URL())
	ctx := t.Context()
	require.NoError(t, g.Settle(ctx, largeViews(100, 1), nil))
	holds := []HoldID{}
	for i := range 3 {
		h := largeHold(fmt.Sprint(i), 1)
		require.Equal(t, Frozen, g.Freeze(ctx, []Hold{h})[0].Outcome)
		holds = append(holds, h.HoldID)
	}
	done, err := g.settleTrip(ctx, largeViews(97, 2), holds)
	require.NoError(t, err)
	require.Equal(t, 2, done)
	requireRows(t, g, 100, 1, 1)
	done, err = g.settleTrip(ctx, largeViews(97, 2), holds[done:])
	require.NoError(t, err)
	require.Equal(t, 1, done)
	requireRows(t, g, 97, 2, 0)
}

// sizes notes what each run of a script is asked for, in words.
type sizes struct {
	sha   string
	words func(keys, args []any) string
	mu    sync.Mutex
	seen  []string
}

func freezeSizes(g *Gate) *sizes {
	return &sizes{sha: g.scripts.freeze.sha, words: func(keys, args []any) string {
		holds, lines := 0, 0
		for i := 0; i < len(args); i += 2 + 2*args[i+1].(int) {
			holds++
			lines += args[i+1].(int)
		}
		return fmt.Sprintf("%d holds, %d lines, %d rows", holds, lines, len(keys)-2)
	}}
}

func settleSizes(g *Gate) *sizes {
	return &sizes{sha: g.scripts.settle.sha, words: func(keys, args []any) string {
		views := args[0].(int)
		return fmt.Sprintf("%d views, %d holds", views, len(args)-2-2*views)
	}}
}

func (s *sizes) DialHook(next redis.DialHook) redis.DialHook { return next }
func (s *sizes) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (s *sizes) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if args := cmd.Args(); len(args) > 3 && args[0] == "evalsha" && args[1] == s.sha {
			names := args[2].(int)
			s.seen = append(s.seen, s.words(args[3:3+names], args[3+names:]))
		}
		return next(ctx, cmd)
	}
}
