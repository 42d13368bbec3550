package inventory

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// freezesMany expects the outcomes of holds that are asked for in one call; in a
// repeat, those that were frozen are duplicates.
func freezesMany(name string, holds []Hold, want []Freeze, dump string) step {
	return step{name: "freeze many: " + name, want: dump,
		do: func(t *testing.T, g *Gate, again bool) {
			want := append([]Freeze(nil), want...)
			for i := range want {
				if again && want[i].Outcome == Frozen {
					want[i].Outcome = Duplicate
				}
			}
			require.Equal(t, want, g.Freeze(t.Context(), holds))
		}}
}

// manyCases are about holds that are decided in one run of freeze: each as if it
// came alone, after those before it.
func manyCases() []scriptCase {
	frozen, duplicate := Freeze{Outcome: Frozen}, Freeze{Outcome: Duplicate}
	short := func(lines ...int) Freeze { return Freeze{Outcome: Insufficient, Lines: lines} }
	unloaded := func(lines ...int) Freeze { return Freeze{Outcome: NotLoaded, Lines: lines} }
	return []scriptCase{
		{"holds in one call see each other", steps(
			settles([]View{view("apple", 10, 1), view("pear", 2, 1)}, nil, text("apple: q 10, v 1, p 0", "pear: q 2, v 1, p 0")),
			freezesMany("until none is left", []Hold{
				hold("1", line("apple", 6)), hold("2", line("apple", 5)), hold("3", line("pear", 3)),
				hold("4", line("apple", 3), line("pear", 2)), hold("5", line("apple", 2), line("pear", 1)), hold("6", line("apple", 1)),
			}, []Freeze{frozen, short(0), short(0), frozen, short(0, 1), frozen},
				text("apple: q 10, v 1, p 10", "pear: q 2, v 1, p 2", "1 pending: 6 apple", "4 pending: 3 apple, 2 pear", "6 pending: 1 apple")),
			settles([]View{view("apple", 1, 2)}, []string{"1", "6", "4"}, text("apple: q 1, v 2, p 0", "pear: q 2, v 1, p 0")),
		)},
		{"one name twice in one call", steps(
			settles([]View{view("apple", 10, 1)}, nil, "apple: q 10, v 1, p 0"),
			freezesMany("the first freezes", []Hold{hold("1", line("apple", 3)), hold("1", line("apple", 4)), hold("1", line("fig", 1))},
				[]Freeze{frozen, duplicate, duplicate}, text("apple: q 10, v 1, p 3", "1 pending: 3 apple")),
			step{name: "freeze many: the first does not fit", want: text("apple: q 10, v 1, p 7", "1 pending: 3 apple", "2 pending: 4 apple"),
				do: func(t *testing.T, g *Gate, again bool) {
					want := []Freeze{short(0), frozen, duplicate}
					if again {
						want = []Freeze{duplicate, duplicate, duplicate}
					}
					require.Equal(t, want, g.Freeze(t.Context(),
						[]Hold{hold("2", line("apple", 8)), hold("2", line("apple", 4)), hold("2", line("apple", 4))}))
				}},
		)},
		{"all outcomes in one call", steps(
			settles([]View{view("apple", 10, 1), view("pear", 1, 1)}, nil, text("apple: q 10, v 1, p 0", "pear: q 1, v 1, p 0")),
			freezes(Frozen, nil, hold("1", line("apple", 3)), text("apple: q 10, v 1, p 3", "pear: q 1, v 1, p 0", "1 pending: 3 apple")),
			freezesMany("mixed", []Hold{
				hold("2", line("fig", 1)), hold("1", line("apple", 3)), hold("3", line("apple", 8), line("fig", 1), line("kiwi", 1)),
				hold("4", line("apple", 7)), hold("5", line("apple", 1), line("pear", 2)), hold("6", line("pear", 1)),
			}, []Freeze{unloaded(0), duplicate, unloaded(1, 2), frozen, short(0, 1), frozen},
				text("apple: q 10, v 1, p 10", "pear: q 1, v 1, p 1", "1 pending: 3 apple", "4 pending: 7 apple", "6 pending: 1 pear")),
		)},
		{"nothing fits", steps(
			settles([]View{view("apple", 0, 1)}, nil, "apple: q 0, v 1, p 0"),
			freezesMany("none", []Hold{hold("1", line("apple", 1)), hold("2", line("fig", 1))},
				[]Freeze{short(0), unloaded(0)}, "apple: q 0, v 1, p 0"),
		)},
		{"a hold without lines is pending, too", steps(
			freezesMany("none", []Hold{hold("1"), hold("2")}, []Freeze{frozen, frozen}, text("1 pending: ", "2 pending: ")),
			settles(nil, []string{"1", "2"}, ""),
		)},
	}
}

// One call with more rows, holds and values than Redis's Lua can unpack at once.
func testManyHoldsInOneCall(t *testing.T, g *Gate) {
	ctx := t.Context()
	const rows = 3000
	var views []View
	for i := range rows {
		views = append(views, view(fmt.Sprintf("sku-%04d", i), 2, 1))
	}
	require.NoError(t, g.Settle(ctx, views, nil))

	// Each takes four rows, and so each row is asked for four times: two fit.
	var holds []Hold
	for i := range rows {
		h := hold(fmt.Sprintf("%04d", i))
		for j := range 4 {
			h.Lines = append(h.Lines, line(fmt.Sprintf("sku-%04d", (i+j*rows/4)%rows), 1))
		}
		h.Lines = MergeLines(h.Lines)
		holds = append(holds, h)
	}
	flights := freezeSizes(g)
	g.client.AddHook(flights)
	results := g.Freeze(ctx, holds)
	require.Equal(t, []string{
		"1000 holds, 4000 lines, 3000 rows", "1000 holds, 4000 lines, 3000 rows", "1000 holds, 4000 lines, 3000 rows",
	}, flights.seen)
	var want []Hold
	var ids []HoldID
	for i, f := range results {
		require.NoError(t, f.Err)
		if i < rows/2 {
			require.Equal(t, Freeze{Outcome: Frozen}, f, i)
			want = append(want, holds[i])
			ids = append(ids, holds[i].HoldID)
		} else {
			require.Equal(t, Freeze{Outcome: Insufficient, Lines: []int{0, 1, 2, 3}}, f, i)
		}
	}
	requirePending(t, g, rows, 2)
	for i, f := range g.Freeze(ctx, holds[:rows/2]) {
		require.Equal(t, Freeze{Outcome: Duplicate}, f, i)
	}
	pending, err := g.Pending(ctx, 0, rows)
	require.NoError(t, err)
	require.ElementsMatch(t, want, pending)

	require.NoError(t, g.Settle(ctx, nil, ids))
	requirePending(t, g, rows, 0)
	left, err := g.client.Exists(ctx, g.keys.pending(), g.keys.holds()).Result()
	require.NoError(t, err)
	require.Zero(t, left)
}

// One flight may carry more than a call of Freeze: the script has no limits itself.
func testFlightLargerThanUnpack(t *testing.T, g *Gate) {
	ctx := t.Context()
	const rows = 5000
	var views []View
	var loads []*load
	for i := range rows {
		sku := fmt.Sprintf("sku-%04d", i)
		views = append(views, view(sku, 1, 1))
		h := hold(sku, line(sku, 1))
		loads = append(loads, &load{holds: []Hold{h}, lines: 1, results: make([]Freeze, 1), done: make(chan struct{})})
	}
	require.NoError(t, g.Settle(ctx, views, nil))
	g.freezeLoads(loads)
	var ids []HoldID
	for _, l := range loads {
		<-l.done
		require.NoError(t, l.err)
		require.Equal(t, []Freeze{{Outcome: Frozen}}, l.results)
		ids = append(ids, l.holds[0].HoldID)
	}
	requirePending(t, g, rows, 1)
	require.NoError(t, g.Settle(ctx, views, ids))
	requirePending(t, g, rows, 0)
}

// requirePending expects so many units pending on each of the rows.
func requirePending(t *testing.T, g *Gate, count int, units int64) {
	t.Helper()
	keys := make([]Key, count)
	for i := range keys {
		keys[i] = key(fmt.Sprintf("sku-%04d", i))
	}
	rows, err := g.Rows(t.Context(), keys)
	require.NoError(t, err)
	for _, row := range rows {
		require.True(t, row.Loaded)
		require.Equal(t, units, row.Pending, row.SKU)
	}
}

// A stranger's key in the place of the lines stops every freeze before it has
// changed anything.
func testStrangersLines(t *testing.T, g *Gate) {
	ctx := t.Context()
	require.NoError(t, g.Settle(ctx, []View{view("apple", 10, 1)}, nil))
	require.NoError(t, g.client.Set(ctx, g.keys.holds(), "a stranger's", 0).Err())
	for _, f := range g.Freeze(ctx, []Hold{hold("1", line("apple", 1)), hold("2", line("apple", 1))}) {
		require.Equal(t, Away, f.Outcome)
		require.ErrorContains(t, f.Err, "WRONGTYPE")
		require.NotErrorIs(t, f.Err, ErrAway)
	}
	require.ErrorContains(t, g.Settle(ctx, []View{view("apple", 5, 2)}, []HoldID{id("1")}), "WRONGTYPE")
	require.NoError(t, g.client.Del(ctx, g.keys.holds()).Err())
	require.Equal(t, "apple: q 10, v 1, p 0", dump(t, g))
}

// A reply for the whole flight that makes no sense is what all its holds hear, and
// no sign that Redis is away.
func TestBrokenReplyForAFlight(t *testing.T) {
	g := openEmbedded(t)
	ctx := context.Background()
	for _, program := range []string{"return {0}", "return 'OK'", "return redis.error_reply('ERR out of luck')"} {
		g.scripts.freeze = newScript("freeze", program)
		for range 3 * breakerFailures {
			for _, f := range g.Freeze(ctx, []Hold{hold("1", line("apple", 1)), hold("2", line("apple", 1))}) {
				require.Equal(t, Away, f.Outcome)
				require.ErrorContains(t, f.Err, "freeze 2 holds: ")
				require.NotErrorIs(t, f.Err, ErrAway)
			}
		}
	}
	// An entry that makes no sense is the trouble of its hold alone.
	g.scripts.freeze = newScript("freeze", "return {0, 7, 1}")
	got := g.Freeze(ctx, []Hold{hold("1", line("apple", 1)), hold("2", line("apple", 1)), hold("3", line("apple", 1))})
	require.Equal(t, []Freeze{{Outcome: Frozen}, {Outcome: Away, Err: got[1].Err}, {Outcome: Duplicate}}, got)
	require.ErrorContains(t, got[1].Err, "freeze hold orders/2: freeze replied 7")
	require.NotErrorIs(t, got[1].Err, ErrAway)
}
