package inventory

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func testRows(t *testing.T, g *Gate) {
	ctx := t.Context()
	rows, err := g.Rows(ctx, nil)
	require.NoError(t, err)
	require.Empty(t, rows)

	require.NoError(t, g.Settle(ctx, []View{view("apple", -10, 3), view("pear", 5, 1)}, nil))
	require.Equal(t, Frozen, g.Freeze(ctx, []Hold{hold("1", line("pear", 2))})[0].Outcome)
	require.NoError(t, g.client.HSet(ctx, g.keys.row(key("fig")), "q", "1", "v", "1", "p", "x").Err())
	rows, err = g.Rows(ctx, []Key{key("pear"), key("plum"), key("apple"), key("fig"), key("pear")})
	require.NoError(t, err)
	pear := Row{View: view("pear", 5, 1), Pending: 2, Loaded: true}
	require.Equal(t, []Row{
		pear,
		{View: View{Key: key("plum")}},
		{View: view("apple", -10, 3), Loaded: true},
		{View: View{Key: key("fig")}}, // has no whole number where one belongs
		pear,
	}, rows)

	require.NoError(t, g.client.Set(ctx, g.keys.row(key("plum")), "a stranger's", 0).Err())
	_, err = g.Rows(ctx, []Key{key("pear"), key("plum")})
	require.ErrorContains(t, err, "WRONGTYPE")
	require.NotErrorIs(t, err, ErrAway)
	require.NoError(t, g.client.Del(ctx, g.keys.row(key("plum"))).Err())
}

func testScanFindsOurRowsAlone(t *testing.T, g *Gate) {
	ctx := t.Context()
	var want []Key
	var views []View
	for i := range 500 {
		k := Key{Location: "here", SKU: fmt.Sprintf("*[sku]?\\%03d", i)}
		want = append(want, k)
		views = append(views, View{Key: k, Quota: 1, Version: 1})
	}
	require.NoError(t, g.Settle(ctx, views, nil))
	require.Equal(t, Frozen, g.Freeze(ctx, []Hold{{HoldID: id("1"), Lines: []Line{{Key: want[0], Quantity: 1}}}})[0].Outcome)
	require.NoError(t, g.client.Set(ctx, g.keys.start+"row no-sku", "a stranger's", 0).Err())
	longer, err := newKeys("longer-" + g.keys.start[1:len(g.keys.start)-2])
	require.NoError(t, err)
	require.NoError(t, g.client.HSet(ctx, longer.row(key("apple")), "q", 1, "v", 1, "p", 0).Err())

	require.Equal(t, want, scanAll(t, g, 50))
	require.NoError(t, g.client.Del(ctx, longer.row(key("apple"))).Err())
}

func scanAll(t *testing.T, g *Gate, count int64) []Key {
	t.Helper()
	var found []Key
	for cursor := uint64(0); ; {
		page, next, err := g.Scan(t.Context(), cursor, count)
		require.NoError(t, err)
		found = append(found, page...)
		if cursor = next; cursor == 0 {
			return SortKeys(found)
		}
	}
}

func testPending(t *testing.T, g *Gate) {
	ctx := t.Context()
	pending, err := g.Pending(ctx, 0, 100)
	require.NoError(t, err)
	require.Empty(t, pending)

	require.NoError(t, g.Settle(ctx, []View{view("apple", 1000, 1), view("pear", 1000, 1)}, nil))
	var want []Hold
	for i := range 2*holdsPerTrip + 1 {
		want = append(want, hold(fmt.Sprintf("%04d", i), line("apple", 2), line("pear", 1)))
	}
	for _, f := range g.Freeze(ctx, want) {
		require.Equal(t, Frozen, f.Outcome)
	}
	pending, err = g.Pending(ctx, 0, 1000)
	require.NoError(t, err)
	require.Equal(t, want, pending, "of one millisecond by name, of all by age: the order in which they were frozen")
	pending, err = g.Pending(ctx, 0, holdsPerTrip+1)
	require.NoError(t, err)
	require.Equal(t, want[:holdsPerTrip+1], pending)
	pending, err = g.Pending(ctx, time.Hour, 1000)
	require.NoError(t, err)
	require.Empty(t, pending, "none is that old")

	// Lost lines and strangers' entries do not hide the others.
	require.NoError(t, g.client.HDel(ctx, g.keys.holds(), holdName(want[0].HoldID)).Err())
	require.NoError(t, g.client.HSet(ctx, g.keys.holds(), holdName(want[1].HoldID), g.keys.row(key("apple"))+"\na few\n").Err())
	require.NoError(t, g.client.ZAdd(ctx, g.keys.pending(), z(0, "stranger's")).Err())
	want[0].Lines, want[1].Lines = nil, nil
	pending, err = g.Pending(ctx, 0, 4)
	require.ErrorContains(t, err, `pending entry "stranger's" is not a hold's`)
	require.ErrorContains(t, err, `hold orders/0001: units of here/apple: strconv.ParseInt: parsing "a few"`)
	require.NotErrorIs(t, err, ErrAway)
	require.Equal(t, want[:3], pending)
	require.NoError(t, g.Wipe(ctx))
}

// The age of a hold is told by the clock of Redis, not by that of the process.
func testPendingByTheClockOfRedis(t *testing.T, g *Gate) {
	ctx := t.Context()
	require.NoError(t, g.Settle(ctx, []View{view("apple", 10, 1)}, nil))
	old, young := hold("old", line("apple", 1)), hold("young", line("apple", 2))
	require.Equal(t, Frozen, g.Freeze(ctx, []Hold{old})[0].Outcome)
	require.NoError(t, g.client.ZIncrBy(ctx, g.keys.pending(), -60_000, holdName(old.HoldID)).Err())
	require.Equal(t, Frozen, g.Freeze(ctx, []Hold{young})[0].Outcome)
	pending, err := g.Pending(ctx, time.Minute, 10)
	require.NoError(t, err)
	require.Equal(t, []Hold{old}, pending)
	pending, err = g.Pending(ctx, 0, 10)
	require.NoError(t, err)
	require.Equal(t, []Hold{old, young}, pending)
}

func testWipeTakesOurKeysAlone(t *testing.T, g *Gate) {
	ctx := t.Context()
	require.NoError(t, g.Wipe(ctx), "of nothing")
	var views []View
	for i := range 2500 {
		views = append(views, view(fmt.Sprint(i), 1, 1))
	}
	require.NoError(t, g.Settle(ctx, views, nil))
	require.Equal(t, Frozen, g.Freeze(ctx, []Hold{hold("1", line("0", 1))})[0].Outcome)
	stranger := g.keys.start[:len(g.keys.start)-1] + ":stranger's"
	require.NoError(t, g.client.Set(ctx, stranger, "1", 0).Err())

	require.NoError(t, g.Wipe(ctx))
	require.Empty(t, dump(t, g))
	left, err := g.client.Exists(ctx, stranger).Result()
	require.NoError(t, err)
	require.EqualValues(t, 1, left)
	require.NoError(t, g.client.Del(ctx, stranger).Err())
	require.Equal(t, NotLoaded, g.Freeze(ctx, []Hold{hold("1", line("0", 1))})[0].Outcome)
}

func testPing(t *testing.T, g *Gate) {
	require.NoError(t, g.Ping(t.Context()))
	warnings, err := g.Warnings(t.Context())
	require.NoError(t, err)
	require.Empty(t, warnings)
}

// All that fit are frozen, and not one more, however many ask at once.
func testFreezeFromManyGoroutines(t *testing.T, g *Gate) {
	ctx := t.Context()
	const callers, calls, quota = 16, 25, 150
	require.NoError(t, g.Settle(ctx, []View{view("apple", quota, 1), view("pear", 2*quota, 1)}, nil))
	results := make(chan []Freeze, callers)
	for caller := range callers {
		go func() {
			var all []Freeze
			for i := range calls {
				h := hold(fmt.Sprintf("%d-%d", caller, i), line("apple", 1), line("pear", 2))
				all = append(all, g.Freeze(ctx, []Hold{h})...)
			}
			results <- all
		}()
	}
	counts := map[Outcome]int{}
	for range callers {
		for _, f := range <-results {
			require.NoError(t, f.Err)
			counts[f.Outcome]++
		}
	}
	require.Equal(t, map[Outcome]int{Frozen: quota, Insufficient: callers*calls - quota}, counts)
	rows, err := g.Rows(ctx, []Key{key("apple"), key("pear")})
	require.NoError(t, err)
	require.Equal(t, []int64{quota, 2 * quota}, []int64{rows[0].Pending, rows[1].Pending})
	pending, err := g.Pending(ctx, 0, quota+1)
	require.NoError(t, err)
	require.Len(t, slices.CompactFunc(pending, func(a, b Hold) bool { return a.HoldID == b.HoldID }), quota)
}
