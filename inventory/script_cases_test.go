package inventory

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A step does something to the gate. The suite does every step twice, since all
// that the gate does is safe to repeat, and looks at what is in Redis each time.
type step struct {
	name string
	do   func(t *testing.T, g *Gate, again bool)
	want string // the dump afterwards
}

// freezes expects an outcome; a repeat finds a frozen hold pending.
func freezes(want Outcome, lines []int, h Hold, dump string) step {
	return step{name: fmt.Sprintf("freeze %s %v: %s", h.ID, h.Lines, want), want: dump,
		do: func(t *testing.T, g *Gate, again bool) {
			if again && want == Frozen {
				want = Duplicate
			}
			got := g.Freeze(t.Context(), []Hold{h})
			require.Equal(t, []Freeze{{Outcome: want, Lines: lines}}, got)
		}}
}

func settles(views []View, holds []string, dump string) step {
	return step{name: fmt.Sprintf("settle %v %v", views, holds), want: dump,
		do: func(t *testing.T, g *Gate, _ bool) {
			var ids []HoldID
			for _, name := range holds {
				ids = append(ids, id(name))
			}
			require.NoError(t, g.Settle(t.Context(), views, ids))
		}}
}

func drops(views []View, want int, dump string) step {
	return step{name: fmt.Sprintf("drop %v", views), want: dump,
		do: func(t *testing.T, g *Gate, again bool) {
			if again {
				want = 0
			}
			got, err := g.Drop(t.Context(), views)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}}
}

// has writes fields of a row past the scripts, as a lost write, a failover to a
// stale replica or a stranger would leave them.
func has(sku string, dump string, fields ...any) step {
	return step{name: fmt.Sprintf("row %s has %v", sku, fields), want: dump,
		do: func(t *testing.T, g *Gate, _ bool) {
			require.NoError(t, g.client.HSet(t.Context(), g.keys.row(key(sku)), fields...).Err())
		}}
}

// loses removes a key past the scripts.
func loses(what string, dump string, name func(keys) string) step {
	return step{name: "lose " + what, want: dump,
		do: func(t *testing.T, g *Gate, _ bool) {
			require.NoError(t, g.client.Del(t.Context(), name(g.keys)).Err())
		}}
}

// losesLines removes the lines of one hold past the scripts.
func losesLines(name string, dump string) step {
	return step{name: "lose the lines of " + name, want: dump,
		do: func(t *testing.T, g *Gate, _ bool) {
			require.NoError(t, g.client.HDel(t.Context(), g.keys.holds(), holdName(id(name))).Err())
		}}
}

// losesEntry removes the entry of one hold past the scripts.
func losesEntry(name string, dump string) step {
	return step{name: "lose the entry of " + name, want: dump,
		do: func(t *testing.T, g *Gate, _ bool) {
			require.NoError(t, g.client.ZRem(t.Context(), g.keys.pending(), holdName(id(name))).Err())
		}}
}

func steps(all ...step) []step { return all }

func text(lines ...string) string { return strings.Join(lines, "\n") }

func testScripts(t *testing.T, g *Gate) {
	for _, c := range slices.Concat(scriptCases(), manyCases(), reclaimCases()) {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, g.Wipe(t.Context()))
			require.Empty(t, dump(t, g))
			for i, s := range c.steps {
				for _, again := range []bool{false, true} {
					s.do(t, g, again)
					require.Equal(t, s.want, dump(t, g), "step %d, again %t: %s", i, again, s.name)
				}
			}
		})
	}
}

type scriptCase struct {
	name  string
	steps []step
}

func scriptCases() []scriptCase {
	return []scriptCase{
		{"a view loads its row", steps(
			settles([]View{view("apple", 10, 7)}, nil, "apple: q 10, v 7, p 0"),
		)},
		{"only a newer view is taken", steps(
			settles([]View{view("apple", 10, 7)}, nil, "apple: q 10, v 7, p 0"),
			settles([]View{view("apple", 11, 6)}, nil, "apple: q 10, v 7, p 0"),
			settles([]View{view("apple", 12, 7)}, nil, "apple: q 10, v 7, p 0"),
			settles([]View{view("apple", -3, 8)}, nil, "apple: q -3, v 8, p 0"),
			settles([]View{view("apple", 5, 9), view("apple", 6, 10), view("apple", 4, 8)}, nil, "apple: q 6, v 10, p 0"),
		)},
		{"a newer view keeps what is pending", steps(
			settles([]View{view("apple", 10, 1)}, nil, "apple: q 10, v 1, p 0"),
			freezes(Frozen, nil, hold("1", line("apple", 4)), text("apple: q 10, v 1, p 4", "1 pending: 4 apple")),
			settles([]View{view("apple", 20, 2)}, nil, text("apple: q 20, v 2, p 4", "1 pending: 4 apple")),
		)},
		{"a hold takes all its lines", steps(
			settles([]View{view("apple", 10, 1), view("pear", 5, 1)}, nil, text("apple: q 10, v 1, p 0", "pear: q 5, v 1, p 0")),
			freezes(Frozen, nil, hold("1", line("apple", 3), line("pear", 5)),
				text("apple: q 10, v 1, p 3", "pear: q 5, v 1, p 5", "1 pending: 3 apple, 5 pear")),
			freezes(Frozen, nil, hold("2", line("apple", 7)),
				text("apple: q 10, v 1, p 10", "pear: q 5, v 1, p 5", "1 pending: 3 apple, 5 pear", "2 pending: 7 apple")),
			freezes(Insufficient, []int{0}, hold("3", line("apple", 1)),
				text("apple: q 10, v 1, p 10", "pear: q 5, v 1, p 5", "1 pending: 3 apple, 5 pear", "2 pending: 7 apple")),
		)},
		{"a pending hold is a duplicate whatever its lines", steps(
			settles([]View{view("apple", 10, 1)}, nil, "apple: q 10, v 1, p 0"),
			freezes(Frozen, nil, hold("1", line("apple", 3)), text("apple: q 10, v 1, p 3", "1 pending: 3 apple")),
			freezes(Duplicate, nil, hold("1", line("apple", 99)), text("apple: q 10, v 1, p 3", "1 pending: 3 apple")),
			freezes(Duplicate, nil, hold("1", line("unheard-of", 1)), text("apple: q 10, v 1, p 3", "1 pending: 3 apple")),
		)},
		{"all rows that are not loaded are named, before any shortage", steps(
			settles([]View{view("apple", 10, 1)}, nil, "apple: q 10, v 1, p 0"),
			freezes(NotLoaded, []int{0, 2}, hold("1", line("fig", 1), line("apple", 11), line("pear", 1)), "apple: q 10, v 1, p 0"),
		)},
		{"all short lines are named and nothing is taken", steps(
			settles([]View{view("apple", 2, 1), view("fig", 9, 1), view("pear", -1, 1)}, nil,
				text("apple: q 2, v 1, p 0", "fig: q 9, v 1, p 0", "pear: q -1, v 1, p 0")),
			freezes(Insufficient, []int{0, 2}, hold("1", line("apple", 3), line("fig", 9), line("pear", 1)),
				text("apple: q 2, v 1, p 0", "fig: q 9, v 1, p 0", "pear: q -1, v 1, p 0")),
		)},
		{"a settled hold gives its units back, once", steps(
			settles([]View{view("apple", 10, 1), view("pear", 5, 1)}, nil, text("apple: q 10, v 1, p 0", "pear: q 5, v 1, p 0")),
			freezes(Frozen, nil, hold("1", line("apple", 3)), text("apple: q 10, v 1, p 3", "pear: q 5, v 1, p 0", "1 pending: 3 apple")),
			freezes(Frozen, nil, hold("2", line("apple", 2), line("pear", 1)),
				text("apple: q 10, v 1, p 5", "pear: q 5, v 1, p 1", "1 pending: 3 apple", "2 pending: 2 apple, 1 pear")),
			settles(nil, []string{"1", "unheard-of", "1"}, text("apple: q 10, v 1, p 2", "pear: q 5, v 1, p 1", "2 pending: 2 apple, 1 pear")),
			settles([]View{view("apple", 8, 2), view("pear", 4, 2)}, []string{"2"}, text("apple: q 8, v 2, p 0", "pear: q 4, v 2, p 0")),
		)},
		{"units never fall below 0, nor to -0", steps(
			settles([]View{view("apple", 10, 1)}, nil, "apple: q 10, v 1, p 0"),
			freezes(Frozen, nil, hold("1", line("apple", 3)), text("apple: q 10, v 1, p 3", "1 pending: 3 apple")),
			freezes(Frozen, nil, hold("2", line("apple", 4)), text("apple: q 10, v 1, p 7", "1 pending: 3 apple", "2 pending: 4 apple")),
			freezes(Frozen, nil, hold("3", line("apple", 1)),
				text("apple: q 10, v 1, p 8", "1 pending: 3 apple", "2 pending: 4 apple", "3 pending: 1 apple")),
			drops([]View{view("apple", 0, 1)}, 1, text("1 pending: 3 apple", "2 pending: 4 apple", "3 pending: 1 apple")),
			settles(nil, []string{"3"}, text("1 pending: 3 apple", "2 pending: 4 apple")), // no row to give back to
			settles([]View{view("apple", 10, 1)}, nil, text("apple: q 10, v 1, p 0", "1 pending: 3 apple", "2 pending: 4 apple")),
			freezes(Frozen, nil, hold("4", line("apple", 2)),
				text("apple: q 10, v 1, p 2", "1 pending: 3 apple", "2 pending: 4 apple", "4 pending: 2 apple")),
			settles(nil, []string{"1"}, text("apple: q 10, v 1, p 0", "2 pending: 4 apple", "4 pending: 2 apple")),
			settles(nil, []string{"2"}, text("apple: q 10, v 1, p 0", "4 pending: 2 apple")),
			settles(nil, []string{"4"}, "apple: q 10, v 1, p 0"),
		)},
		// Units leaked by a lost or reverted Redis would be refused for ever.
		{"when no hold is pending, rows named by a view or a line have nothing pending", steps(
			settles([]View{view("apple", 10, 1), view("fig", 10, 1), view("pear", 10, 1)}, nil,
				text("apple: q 10, v 1, p 0", "fig: q 10, v 1, p 0", "pear: q 10, v 1, p 0")),
			freezes(Frozen, nil, hold("1", line("pear", 1)),
				text("apple: q 10, v 1, p 0", "fig: q 10, v 1, p 0", "pear: q 10, v 1, p 1", "1 pending: 1 pear")),
			has("apple", text("apple: q 10, v 1, p 7", "fig: q 10, v 1, p 0", "pear: q 10, v 1, p 1", "1 pending: 1 pear"), "p", "7"),
			has("fig", text("apple: q 10, v 1, p 7", "fig: q 10, v 1, p 8", "pear: q 10, v 1, p 1", "1 pending: 1 pear"), "p", "8"),
			has("pear", text("apple: q 10, v 1, p 7", "fig: q 10, v 1, p 8", "pear: q 10, v 1, p 9", "1 pending: 1 pear"), "p", "9"),
			settles([]View{view("apple", 10, 1)}, nil, // a hold is pending: what is leaked cannot be told
				text("apple: q 10, v 1, p 7", "fig: q 10, v 1, p 8", "pear: q 10, v 1, p 9", "1 pending: 1 pear")),
			settles([]View{view("apple", 10, 1)}, []string{"1"},
				text("apple: q 10, v 1, p 0", "fig: q 10, v 1, p 8", "pear: q 10, v 1, p 0")),
			settles([]View{view("fig", 10, 1)}, nil,
				text("apple: q 10, v 1, p 0", "fig: q 10, v 1, p 0", "pear: q 10, v 1, p 0")),
		)},
		{"a hold whose lines are lost can be settled", steps(
			settles([]View{view("apple", 10, 1)}, nil, "apple: q 10, v 1, p 0"),
			freezes(Frozen, nil, hold("1", line("apple", 3)), text("apple: q 10, v 1, p 3", "1 pending: 3 apple")),
			losesLines("1", text("apple: q 10, v 1, p 3", "1 pending: ")),
			settles([]View{view("apple", 10, 1)}, []string{"1"}, "apple: q 10, v 1, p 0"),
		)},
		{"the lines of all holds may be lost", steps(
			settles([]View{view("apple", 10, 1)}, nil, "apple: q 10, v 1, p 0"),
			freezes(Frozen, nil, hold("1", line("apple", 3)), text("apple: q 10, v 1, p 3", "1 pending: 3 apple")),
			freezes(Frozen, nil, hold("2", line("apple", 2)), text("apple: q 10, v 1, p 5", "1 pending: 3 apple", "2 pending: 2 apple")),
			loses("the lines of all", text("apple: q 10, v 1, p 5", "1 pending: ", "2 pending: "), keys.holds),
			freezes(Duplicate, nil, hold("1", line("apple", 3)), text("apple: q 10, v 1, p 5", "1 pending: ", "2 pending: ")),
			freezes(Frozen, nil, hold("3", line("apple", 1)), text("apple: q 10, v 1, p 6", "1 pending: ", "2 pending: ", "3 pending: 1 apple")),
			settles(nil, []string{"1", "3"}, text("apple: q 10, v 1, p 5", "2 pending: ")), // what 1 held is not known
			settles([]View{view("apple", 4, 2)}, []string{"2"}, "apple: q 4, v 2, p 0"),
		)},
		{"when no hold is pending, lines of holds that lost their entry go", steps(
			settles([]View{view("apple", 10, 1)}, nil, "apple: q 10, v 1, p 0"),
			freezes(Frozen, nil, hold("1", line("apple", 3)), text("apple: q 10, v 1, p 3", "1 pending: 3 apple")),
			freezes(Frozen, nil, hold("2", line("apple", 2)), text("apple: q 10, v 1, p 5", "1 pending: 3 apple", "2 pending: 2 apple")),
			losesEntry("1", text("apple: q 10, v 1, p 5", "2 pending: 2 apple", "? lines of orders 1")),
			settles(nil, []string{"1"}, text("apple: q 10, v 1, p 5", "2 pending: 2 apple", "? lines of orders 1")), // not pending
			settles(nil, []string{"2"}, "apple: q 10, v 1, p 0"),
		)},
		{"what is pending may be lost", steps(
			settles([]View{view("apple", 10, 1)}, nil, "apple: q 10, v 1, p 0"),
			freezes(Frozen, nil, hold("1", line("apple", 3)), text("apple: q 10, v 1, p 3", "1 pending: 3 apple")),
			loses("what is pending", text("apple: q 10, v 1, p 3", "? lines of orders 1"), keys.pending),
			settles([]View{view("apple", 10, 1)}, nil, "apple: q 10, v 1, p 0"),
		)},
		{"lines that make no sense are not given back", steps(
			settles([]View{view("apple", 10, 1)}, nil, "apple: q 10, v 1, p 0"),
			freezes(Frozen, nil, hold("0", line("apple", 1)), text("apple: q 10, v 1, p 1", "0 pending: 1 apple")),
			freezes(Frozen, nil, hold("1", line("apple", 5)), text("apple: q 10, v 1, p 6", "0 pending: 1 apple", "1 pending: 5 apple")),
			step{name: "settle nonsense", want: text("apple: q 10, v 1, p 6", "0 pending: 1 apple"),
				do: func(t *testing.T, g *Gate, again bool) {
					row := g.keys.row(key("apple"))
					if !again {
						require.NoError(t, g.client.HSet(t.Context(), g.keys.holds(), holdName(id("1")),
							row+"\nmany\n"+row+"\n-2\n\n\n"+row+"\n2").Err())
					}
					require.NoError(t, g.Settle(t.Context(), nil, []HoldID{id("1")}))
				}},
		)},
		{"lines left over from a half-done wipe are not the new hold's", steps(
			settles([]View{view("apple", 10, 1), view("pear", 10, 1)}, nil, text("apple: q 10, v 1, p 0", "pear: q 10, v 1, p 0")),
			freezes(Frozen, nil, hold("1", line("apple", 3)), text("apple: q 10, v 1, p 3", "pear: q 10, v 1, p 0", "1 pending: 3 apple")),
			step{name: "lose the sorted set, freeze again", want: text("apple: q 10, v 1, p 3", "pear: q 10, v 1, p 1", "1 pending: 1 pear"),
				do: func(t *testing.T, g *Gate, again bool) {
					if again {
						return
					}
					require.NoError(t, g.client.Del(t.Context(), g.keys.pending()).Err())
					require.Equal(t, Frozen, g.Freeze(t.Context(), []Hold{hold("1", line("pear", 1))})[0].Outcome)
				}},
		)},
		{"a row without whole numbers is not loaded, and a view repairs it", steps(
			settles([]View{view("apple", 10, 5)}, nil, "apple: q 10, v 5, p 0"),
			has("apple", "apple: q 10, v 5, p many", "p", "many"),
			freezes(NotLoaded, []int{0}, hold("1", line("apple", 1)), "apple: q 10, v 5, p many"),
			settles([]View{view("apple", 9, 4)}, nil, "apple: q 9, v 4, p 0"),
			has("pear", text("apple: q 9, v 4, p 0", "pear: q , v , p 3"), "p", "3"),
			freezes(NotLoaded, []int{0}, hold("1", line("pear", 1)), text("apple: q 9, v 4, p 0", "pear: q , v , p 3")),
			settles([]View{view("pear", 2, 2)}, nil, text("apple: q 9, v 4, p 0", "pear: q 2, v 2, p 0")),
		)},
		{"a drop takes only the version that was read", steps(
			settles([]View{view("apple", 1, 7), view("fig", 2, 8), view("pear", 3, 9)}, nil,
				text("apple: q 1, v 7, p 0", "fig: q 2, v 8, p 0", "pear: q 3, v 9, p 0")),
			drops([]View{view("apple", 0, 7), view("fig", 2, 7), view("pear", 3, 10), view("unheard-of", 0, 0)}, 1,
				text("fig: q 2, v 8, p 0", "pear: q 3, v 9, p 0")),
		)},
		// Lua's own formatting would write 1e+15 from here on.
		{"large numbers stay whole numbers", steps(
			settles([]View{view("apple", 4_000_000_000_000_001, 3_000_000_000_000_001)}, nil,
				"apple: q 4000000000000001, v 3000000000000001, p 0"),
			freezes(Frozen, nil, hold("1", line("apple", 2_000_000_000_000_000)),
				text("apple: q 4000000000000001, v 3000000000000001, p 2000000000000000", "1 pending: 2000000000000000 apple")),
			freezes(Frozen, nil, hold("2", line("apple", 1_000_000_000_000_001)),
				text("apple: q 4000000000000001, v 3000000000000001, p 3000000000000001",
					"1 pending: 2000000000000000 apple", "2 pending: 1000000000000001 apple")),
			freezes(Insufficient, []int{0}, hold("3", line("apple", 1_000_000_000_000_001)),
				text("apple: q 4000000000000001, v 3000000000000001, p 3000000000000001",
					"1 pending: 2000000000000000 apple", "2 pending: 1000000000000001 apple")),
			settles([]View{view("apple", 4_000_000_000_000_000, 3_000_000_000_000_002)}, []string{"1"},
				text("apple: q 4000000000000000, v 3000000000000002, p 1000000000000001", "2 pending: 1000000000000001 apple")),
		)},
		{"every printable character of a sku", steps(
			settles([]View{view(`a!"#$%&'()*+,-./:;<=>?@[\]^_|~`, 3, 1), view("*", 3, 1)}, nil,
				text("*: q 3, v 1, p 0", `a!"#$%&'()*+,-./:;<=>?@[\]^_|~: q 3, v 1, p 0`)),
			freezes(Frozen, nil, hold("._:-", line(`a!"#$%&'()*+,-./:;<=>?@[\]^_|~`, 2)),
				text("*: q 3, v 1, p 0", `a!"#$%&'()*+,-./:;<=>?@[\]^_|~: q 3, v 1, p 2`, `._:- pending: 2 a!"#$%&'()*+,-./:;<=>?@[\]^_|~`)),
		)},
	}
}
