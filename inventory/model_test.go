package inventory

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"stockhold/internal/testservers"
)

// model is the gate in a few lines of Go: what the scripts should do.
type model struct {
	rows  map[Key]Row
	holds map[HoldID][]Line
}

func (m *model) freeze(h Hold) Freeze {
	if _, pending := m.holds[h.HoldID]; pending {
		return Freeze{Outcome: Duplicate}
	}
	var missing, short []int
	for i, l := range h.Lines {
		row := m.rows[l.Key]
		if !row.Loaded {
			missing = append(missing, i)
		} else if row.Quota-row.Pending < l.Quantity {
			short = append(short, i)
		}
	}
	switch {
	case missing != nil:
		return Freeze{Outcome: NotLoaded, Lines: missing}
	case short != nil:
		return Freeze{Outcome: Insufficient, Lines: short}
	}
	for _, l := range h.Lines {
		m.add(l.Key, l.Quantity)
	}
	m.holds[h.HoldID] = h.Lines
	return Freeze{Outcome: Frozen}
}

func (m *model) settle(views []View, ids []HoldID) {
	var named []Key
	for _, v := range views {
		named = append(named, v.Key)
		if row := m.rows[v.Key]; !row.Loaded {
			m.rows[v.Key] = Row{View: v, Loaded: true}
		} else if v.Version > row.Version {
			row.View = v
			m.rows[v.Key] = row
		}
	}
	for _, name := range ids {
		for _, l := range m.holds[name] {
			named = append(named, l.Key)
			m.add(l.Key, -l.Quantity)
		}
		delete(m.holds, name)
	}
	if len(m.holds) == 0 {
		for _, k := range named {
			m.add(k, -m.rows[k].Pending)
		}
	}
}

// add changes what is pending on a loaded row, never below 0.
func (m *model) add(k Key, units int64) {
	if row := m.rows[k]; row.Loaded {
		row.Pending = max(row.Pending+units, 0)
		m.rows[k] = row
	}
}

// drop forgets rows that still have the version that was read.
func (m *model) drop(read []View) (dropped int) {
	for _, v := range read {
		if row := m.rows[v.Key]; row.Loaded && row.Version == v.Version {
			delete(m.rows, v.Key)
			dropped++
		}
	}
	return dropped
}

// reclaim leaves pending what the pending holds will give back.
func (m *model) reclaim(keys []Key) (leaks []Leak) {
	given := map[Key]int64{}
	for _, lines := range m.holds {
		for _, l := range lines {
			given[l.Key] += l.Quantity
		}
	}
	for _, k := range keys {
		if leaked := m.rows[k].Pending - given[k]; leaked > 0 {
			leaks = append(leaks, Leak{k, leaked})
			m.add(k, -leaked)
		}
	}
	return leaks
}

func (m *model) pending() []Hold {
	holds := []Hold{}
	for name, lines := range m.holds {
		holds = append(holds, Hold{HoldID: name, Lines: lines})
	}
	slices.SortFunc(holds, func(a, b Hold) int { return a.Compare(b.HoldID) })
	return holds
}

// TestGateAgainstModel does the same random things to a gate and to the model,
// among them what befalls a Redis: keys lost one by one or all together, and rows
// reverted to what a replica had. What is safe to repeat is repeated at random,
// and then the model sees it once.
func TestGateAgainstModel(t *testing.T) {
	gates := map[string]*Gate{"embedded": openEmbedded(t), "single": openGate(t, testservers.Redis(t).URL())}
	for name, g := range gates {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) { checkAgainstModel(rt, g) })
		})
	}
}

func checkAgainstModel(t *rapid.T, g *Gate) {
	ctx := context.Background()
	require.NoError(t, g.Wipe(ctx))
	m := &model{rows: map[Key]Row{}, holds: map[HoldID][]Line{}}
	var all []Key
	for i := range 3 {
		all = append(all, key(strconv.Itoa(i)))
	}
	keys := rapid.SampledFrom(all)
	ids := rapid.Custom(func(t *rapid.T) HoldID { return id(strconv.Itoa(rapid.IntRange(0, 4).Draw(t, "id"))) })
	lines := rapid.Custom(func(t *rapid.T) Line {
		return Line{Key: keys.Draw(t, "key"), Quantity: rapid.Int64Range(1, 4).Draw(t, "units")}
	})
	holds := rapid.Custom(func(t *rapid.T) Hold {
		return Hold{HoldID: ids.Draw(t, "hold"), Lines: MergeLines(rapid.SliceOfN(lines, 1, 3).Draw(t, "lines"))}
	})
	views := rapid.Custom(func(t *rapid.T) View {
		return View{Key: keys.Draw(t, "key"), Quota: rapid.Int64Range(-2, 20).Draw(t, "quota"), Version: rapid.Int64Range(1, 4).Draw(t, "version")}
	})
	freeze := func(t *rapid.T) {
		some := rapid.SliceOfN(holds, 1, 4).Draw(t, "holds")
		var want []Freeze
		for _, h := range some {
			want = append(want, m.freeze(h))
		}
		require.Equal(t, want, g.Freeze(ctx, some))
	}
	for _, k := range all {
		begin := []View{{Key: k, Quota: 12, Version: 1}}
		m.settle(begin, nil)
		require.NoError(t, g.Settle(ctx, begin, nil))
	}
	t.Repeat(map[string]func(*rapid.T){
		"freeze": freeze, "freeze more": freeze,
		"settle": func(t *rapid.T) {
			some := rapid.SliceOfN(views, 0, 4).Draw(t, "views")
			ended := rapid.SliceOfN(ids, 0, 3).Draw(t, "holds")
			for _, name := range ended {
				if _, pending := m.holds[name]; pending {
					defer func() {
						require.Zero(t, g.client.HExists(ctx, g.keys.holds(), holdName(name)).Val(), "lines of a settled hold")
					}()
				}
			}
			m.settle(some, ended)
			require.NoError(t, g.Settle(ctx, some, ended))
			if rapid.Bool().Draw(t, "twice") {
				require.NoError(t, g.Settle(ctx, some, ended))
			}
		},
		"drop": func(t *rapid.T) {
			some := rapid.SliceOfN(views, 1, 3).Draw(t, "views")
			want := m.drop(some)
			got, err := g.Drop(ctx, some)
			require.NoError(t, err)
			require.Equal(t, want, got)
			if rapid.Bool().Draw(t, "twice") {
				got, err := g.Drop(ctx, some)
				require.NoError(t, err)
				require.Zero(t, got)
			}
		},
		"reclaim": func(t *rapid.T) {
			some := rapid.SliceOfNDistinct(keys, 1, 3, rapid.ID).Draw(t, "keys")
			want := m.reclaim(some)
			got, err := g.Reclaim(ctx, some)
			require.NoError(t, err)
			require.Equal(t, want, got)
			again, err := g.Reclaim(ctx, some)
			require.NoError(t, err)
			require.Empty(t, again)
		},
		"lose": func(t *rapid.T) { losesFromBoth(t, g, m, keys.Draw(t, "key"), ids.Draw(t, "hold")) },
		"revert a row": func(t *rapid.T) {
			old := Row{View: views.Draw(t, "view"), Pending: rapid.Int64Range(0, 9).Draw(t, "pending"), Loaded: true}
			m.rows[old.Key] = old
			require.NoError(t, g.client.HSet(ctx, g.keys.row(old.Key), "q", old.Quota, "v", old.Version, "p", old.Pending).Err())
		},
		"list": func(t *rapid.T) { listsTheOldest(t, g, rapid.IntRange(1, 3).Draw(t, "limit")) },
		"":     func(t *rapid.T) { compareWithModel(t, g, m, all) },
	})
}

// losesFromBoth is what befalls a Redis, in the gate and in the model.
func losesFromBoth(t *rapid.T, g *Gate, m *model, k Key, name HoldID) {
	ctx := context.Background()
	lose := func(names ...string) { require.NoError(t, g.client.Del(ctx, names...).Err()) }
	switch rapid.SampledFrom([]string{"a row", "the version of a row", "the lines of a hold", "the lines of all holds", "that a hold is pending", "what is pending", "everything"}).Draw(t, "what") {
	case "a row":
		delete(m.rows, k)
		lose(g.keys.row(k))
	case "the version of a row":
		delete(m.rows, k) // without it, the rest is as good as not there
		require.NoError(t, g.client.HDel(ctx, g.keys.row(k), "v").Err())
	case "the lines of a hold":
		if _, pending := m.holds[name]; pending {
			m.holds[name] = nil
		}
		require.NoError(t, g.client.HDel(ctx, g.keys.holds(), holdName(name)).Err())
	case "the lines of all holds":
		for name := range m.holds {
			m.holds[name] = nil
		}
		lose(g.keys.holds())
	case "that a hold is pending":
		delete(m.holds, name)
		require.NoError(t, g.client.ZRem(ctx, g.keys.pending(), holdName(name)).Err())
	case "what is pending":
		clear(m.holds)
		lose(g.keys.pending())
	case "everything":
		clear(m.rows)
		clear(m.holds)
		require.NoError(t, g.Wipe(ctx))
	}
}

// compareWithModel reads all there is.
func compareWithModel(t *rapid.T, g *Gate, m *model, all []Key) {
	ctx := context.Background()
	rows, err := g.Rows(ctx, all)
	require.NoError(t, err)
	for i, k := range all {
		want := m.rows[k]
		want.Key = k
		require.Equal(t, want, rows[i])
	}
	pending, err := g.Pending(ctx, 0, 100)
	require.NoError(t, err)
	slices.SortFunc(pending, func(a, b Hold) int { return a.Compare(b.HoldID) })
	require.Equal(t, m.pending(), pending)
}

// listsTheOldest: a part of what is pending is its oldest, by Redis's clock.
func listsTheOldest(t *rapid.T, g *Gate, limit int) {
	ctx := context.Background()
	pending, err := g.Pending(ctx, 0, 100)
	require.NoError(t, err)
	some, err := g.Pending(ctx, 0, limit)
	require.NoError(t, err)
	require.Equal(t, pending[:min(len(pending), limit)], some)
	none, err := g.Pending(ctx, time.Hour, 100)
	require.NoError(t, err)
	require.Empty(t, none)
	since := 0.0
	for _, h := range pending {
		at, err := g.client.ZScore(ctx, g.keys.pending(), holdName(h.HoldID)).Result()
		require.NoError(t, err)
		require.GreaterOrEqual(t, at, since)
		since = at
	}
}
