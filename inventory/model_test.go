package inventory

import (
	"context"
	"slices"
	"strconv"
	"testing"

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

// TestGateAgainstModel does the same random things to a gate and to the model,
// among them what befalls a Redis: rows lost, and units of rows reverted.
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
	for i := range 4 {
		all = append(all, key(strconv.Itoa(i)))
	}
	keys := rapid.SampledFrom(all)
	ids := rapid.Custom(func(t *rapid.T) HoldID { return id(strconv.Itoa(rapid.IntRange(0, 5).Draw(t, "id"))) })
	lines := rapid.Custom(func(t *rapid.T) Line {
		return Line{Key: keys.Draw(t, "key"), Quantity: rapid.Int64Range(1, 6).Draw(t, "units")}
	})
	views := rapid.Custom(func(t *rapid.T) View {
		return View{Key: keys.Draw(t, "key"), Quota: rapid.Int64Range(-2, 12).Draw(t, "quota"), Version: rapid.Int64Range(1, 4).Draw(t, "version")}
	})
	t.Repeat(map[string]func(*rapid.T){
		"freeze": func(t *rapid.T) {
			h := Hold{HoldID: ids.Draw(t, "hold"), Lines: MergeLines(rapid.SliceOfN(lines, 1, 4).Draw(t, "lines"))}
			require.Equal(t, []Freeze{m.freeze(h)}, g.Freeze(ctx, []Hold{h}))
		},
		"settle": func(t *rapid.T) {
			some := rapid.SliceOfN(views, 0, 4).Draw(t, "views")
			ended := rapid.SliceOfN(ids, 0, 3).Draw(t, "holds")
			m.settle(some, ended)
			require.NoError(t, g.Settle(ctx, some, ended))
		},
		"drop": func(t *rapid.T) {
			v := views.Draw(t, "view")
			want := 0
			if row := m.rows[v.Key]; row.Loaded && row.Version == v.Version {
				want = 1
				delete(m.rows, v.Key)
			}
			got, err := g.Drop(ctx, []View{v})
			require.NoError(t, err)
			require.Equal(t, want, got)
		},
		"lose a row": func(t *rapid.T) {
			k := keys.Draw(t, "key")
			delete(m.rows, k)
			require.NoError(t, g.client.Del(ctx, g.keys.row(k)).Err())
		},
		"revert a row": func(t *rapid.T) {
			k, p := keys.Draw(t, "key"), rapid.Int64Range(0, 9).Draw(t, "pending")
			if row := m.rows[k]; row.Loaded {
				row.Pending = p
				m.rows[k] = row
				require.NoError(t, g.client.HSet(ctx, g.keys.row(k), "p", p).Err())
			}
		},
		"": func(t *rapid.T) {
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
			var want []Hold
			for name, lines := range m.holds {
				want = append(want, Hold{HoldID: name, Lines: lines})
			}
			slices.SortFunc(want, func(a, b Hold) int { return a.Compare(b.HoldID) })
			require.ElementsMatch(t, want, pending)
		},
	})
}
