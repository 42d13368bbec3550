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

// reclaims expects units to be freed; a repeat finds nothing more.
func reclaims(skus []string, want []Leak, dump string) step {
	return step{name: fmt.Sprintf("reclaim %v", skus), want: dump,
		do: func(t *testing.T, g *Gate, again bool) {
			var keys []Key
			for _, sku := range skus {
				keys = append(keys, key(sku))
			}
			got, err := g.Reclaim(t.Context(), keys)
			require.NoError(t, err)
			if again {
				require.Empty(t, got)
			} else {
				require.Equal(t, want, got)
			}
		}}
}

// In all of these something stays pending: what heals a gate that is idle must not
// be what helps.
func reclaimCases() []scriptCase {
	begin := func(name string, apples, pears, all int, before string) step {
		return freezes(Frozen, nil, hold(name, line("apple", int64(apples)), line("pear", int64(pears))),
			text(fmt.Sprintf("apple: q 10, v 1, p %d", all), fmt.Sprintf("pear: q 10, v 1, p %d", all))+before+
				fmt.Sprintf("\n%s pending: %d apple, %d pear", name, apples, pears))
	}
	stocked := settles([]View{view("apple", 10, 1), view("pear", 10, 1)}, nil, text("apple: q 10, v 1, p 0", "pear: q 10, v 1, p 0"))
	one, two := "\n1 pending: 1 apple, 1 pear", "\n2 pending: 4 apple, 4 pear"
	return []scriptCase{
		{"what is pending by the holds stays pending", steps(stocked,
			begin("1", 1, 1, 1, ""),
			begin("2", 4, 4, 5, one),
			reclaims([]string{"apple", "pear", "unheard-of"}, nil, text("apple: q 10, v 1, p 5", "pear: q 10, v 1, p 5")+one+two),
		)},
		{"units of a hold that lost its entry are freed", steps(stocked,
			begin("1", 1, 1, 1, ""),
			begin("2", 4, 4, 5, one),
			losesEntry("2", text("apple: q 10, v 1, p 5", "pear: q 10, v 1, p 5")+one+"\n? lines of orders 2"),
			freezes(Insufficient, []int{0}, hold("3", line("apple", 9)),
				text("apple: q 10, v 1, p 5", "pear: q 10, v 1, p 5")+one+"\n? lines of orders 2"),
			reclaims([]string{"apple"}, []Leak{{key("apple"), 4}},
				text("apple: q 10, v 1, p 1", "pear: q 10, v 1, p 5")+one+"\n? lines of orders 2"),
			freezes(Frozen, nil, hold("3", line("apple", 9)),
				text("apple: q 10, v 1, p 10", "pear: q 10, v 1, p 5")+one+"\n3 pending: 9 apple\n? lines of orders 2"),
			reclaims([]string{"pear", "apple"}, []Leak{{key("pear"), 4}},
				text("apple: q 10, v 1, p 10", "pear: q 10, v 1, p 1")+one+"\n3 pending: 9 apple\n? lines of orders 2"),
			settles(nil, []string{"3"}, text("apple: q 10, v 1, p 1", "pear: q 10, v 1, p 1")+one+"\n? lines of orders 2"),
		)},
		{"units of a hold that lost its lines are freed", steps(stocked,
			begin("1", 1, 1, 1, ""),
			begin("2", 4, 4, 5, one),
			losesLines("2", text("apple: q 10, v 1, p 5", "pear: q 10, v 1, p 5")+one+"\n2 pending: "),
			reclaims([]string{"apple", "pear"}, []Leak{{key("apple"), 4}, {key("pear"), 4}},
				text("apple: q 10, v 1, p 1", "pear: q 10, v 1, p 1")+one+"\n2 pending: "),
			settles(nil, []string{"2"}, text("apple: q 10, v 1, p 1", "pear: q 10, v 1, p 1")+one),
		)},
		{"the list of pending holds is lost, and others are frozen since", steps(stocked,
			begin("2", 4, 4, 4, ""),
			loses("what is pending", text("apple: q 10, v 1, p 4", "pear: q 10, v 1, p 4", "? lines of orders 2"), keys.pending),
			begin("1", 1, 1, 5, "").but(text("apple: q 10, v 1, p 5", "pear: q 10, v 1, p 5")+one+"\n? lines of orders 2"),
			reclaims([]string{"apple", "pear"}, []Leak{{key("apple"), 4}, {key("pear"), 4}},
				text("apple: q 10, v 1, p 1", "pear: q 10, v 1, p 1")+one+"\n? lines of orders 2"),
		)},
		{"a row that counts too few is left", steps(stocked,
			begin("1", 1, 1, 1, ""),
			has("apple", text("apple: q 10, v 1, p 0", "pear: q 10, v 1, p 1")+one, "p", "0"),
			reclaims([]string{"apple", "pear"}, nil, text("apple: q 10, v 1, p 0", "pear: q 10, v 1, p 1")+one),
		)},
		{"a row that is not loaded is left", steps(stocked,
			begin("1", 1, 1, 1, ""),
			has("apple", text("apple: q 10, v 1, p many", "pear: q 10, v 1, p 1")+one, "p", "many"),
			drops([]View{view("pear", 10, 1)}, 1, "apple: q 10, v 1, p many"+one),
			reclaims([]string{"apple", "pear"}, nil, "apple: q 10, v 1, p many"+one),
		)},
		{"large numbers are freed as whole numbers", steps(stocked,
			begin("1", 1, 1, 1, ""),
			has("apple", text("apple: q 10, v 1, p 3000000000000001", "pear: q 10, v 1, p 1")+one, "p", "3000000000000001"),
			reclaims([]string{"apple"}, []Leak{{key("apple"), 3_000_000_000_000_000}},
				text("apple: q 10, v 1, p 1", "pear: q 10, v 1, p 1")+one),
		)},
	}
}

// but is the step with another dump afterwards.
func (s step) but(want string) step {
	s.want = want
	return s
}

// plants holds of one unit of an apple each past the scripts: n from the number on,
// frozen at those times.
func plants(t *testing.T, g *Gate, from, n int, at func(i int) float64) {
	t.Helper()
	ctx := t.Context()
	for i := from; i < from+n; i += 1000 {
		var entries []redis.Z
		var fields []any
		for j := i; j < min(i+1000, from+n); j++ {
			name := fmt.Sprintf("orders planted-%06d", j)
			entries = append(entries, z(at(j), name))
			fields = append(fields, name, g.keys.row(key("apple"))+"\n1\n")
		}
		require.NoError(t, g.client.ZAdd(ctx, g.keys.pending(), entries...).Err())
		require.NoError(t, g.client.HSet(ctx, g.keys.holds(), fields...).Err())
	}
	require.NoError(t, g.client.HIncrBy(ctx, g.keys.row(key("apple")), "p", int64(n)).Err())
}

// duringReclaim does something after each run of the script, and counts the runs.
type duringReclaim struct {
	sha  string
	runs int
	then func(run int)
}

func (d *duringReclaim) DialHook(next redis.DialHook) redis.DialHook { return next }
func (d *duringReclaim) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (d *duringReclaim) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if args := cmd.Args(); len(args) > 1 && args[0] == "evalsha" && args[1] == d.sha && err == nil {
			d.runs++
			d.then(d.runs)
		}
		return err
	}
}

// More than one run may count: what is frozen and settled in between never makes
// the rows count too few, and what leaked all the same is freed in the end.
func testReclaimInPieces(t *testing.T, g *Gate) {
	ctx := t.Context()
	const planted = 3 * linesPerTrip // each is a hold and a line, so six runs
	require.NoError(t, g.Settle(ctx, []View{view("apple", 1e6, 1)}, nil))
	plants(t, g, 0, planted, func(i int) float64 { return float64(1_700_000_000_000 + i/100) })
	require.NoError(t, g.client.HIncrBy(ctx, g.keys.row(key("apple")), "p", 70).Err())
	pending := func() int64 {
		rows, err := g.Rows(ctx, []Key{key("apple")})
		require.NoError(t, err)
		return rows[0].Pending
	}
	require.EqualValues(t, planted+70, pending())

	// The script is unknown at first; then it is known, and its runs are seen.
	_, err := g.Reclaim(ctx, []Key{key("pear")})
	require.NoError(t, err)
	during := &duringReclaim{sha: g.scripts.reclaim.sha, then: func(run int) {
		switch run {
		case 1: // one that was counted, and one that was not, end; another begins
			require.NoError(t, g.Settle(ctx, nil, []HoldID{id("planted-000000"), id(fmt.Sprintf("planted-%06d", planted-1))}))
			require.Equal(t, Frozen, g.Freeze(ctx, []Hold{hold("new", line("apple", 500))})[0].Outcome)
		case 2: // and one that began meanwhile is gone again
			require.Equal(t, Frozen, g.Freeze(ctx, []Hold{hold("brief", line("apple", 30))})[0].Outcome)
		case 3:
			require.NoError(t, g.Settle(ctx, nil, []HoldID{id("brief")}))
		}
	}}
	g.client.AddHook(during)
	leaks, err := g.Reclaim(ctx, []Key{key("apple")})
	require.NoError(t, err)
	require.Equal(t, []Leak{{key("apple"), 69}}, leaks, "the one that ended after it was counted hides one unit")
	require.Greater(t, during.runs, 5)
	require.EqualValues(t, planted-2+500+1, pending())

	during.then = func(int) {}
	leaks, err = g.Reclaim(ctx, []Key{key("apple")})
	require.NoError(t, err)
	require.Equal(t, []Leak{{key("apple"), 1}}, leaks)
	require.EqualValues(t, planted-2+500, pending())
}

// Holds of one millisecond are not torn apart: no score lies between them.
func TestReclaimKeepsAMillisecondTogether(t *testing.T) {
	g := openGate(t, testservers.Redis(t).URL())
	ctx := t.Context()
	require.NoError(t, g.Settle(ctx, []View{view("apple", 1e6, 1)}, nil))
	plants(t, g, 0, 3*linesPerTrip, func(int) float64 { return 1_700_000_000_000 })
	plants(t, g, 3*linesPerTrip, linesPerTrip, func(int) float64 { return 1_700_000_000_001 })
	leaks, err := g.Reclaim(ctx, []Key{key("apple")})
	require.NoError(t, err)
	require.Empty(t, leaks)
	require.NoError(t, g.client.HIncrBy(ctx, g.keys.row(key("apple")), "p", 1).Err())
	leaks, err = g.Reclaim(ctx, []Key{key("apple")})
	require.NoError(t, err)
	require.Equal(t, []Leak{{key("apple"), 1}}, leaks)
}

// There is an end to what one call adds up.
func TestReclaimIsBounded(t *testing.T) {
	g := openGate(t, testservers.Redis(t).URL())
	ctx := t.Context()
	require.NoError(t, g.Settle(ctx, []View{view("apple", 1e6, 1), view("pear", 10, 1)}, nil))
	plants(t, g, 0, reclaimTrips*linesPerTrip/2+1, func(i int) float64 { return float64(1_700_000_000_000 + i) })
	require.NoError(t, g.client.HSet(ctx, g.keys.row(key("pear")), "p", 5).Err())
	leaks, err := g.Reclaim(ctx, []Key{key("pear")})
	require.ErrorIs(t, err, ErrManyPending)
	require.NotErrorIs(t, err, ErrAway)
	require.Empty(t, leaks)

	require.NoError(t, g.Settle(ctx, nil, []HoldID{id("planted-000000"), id("planted-000001")}))
	leaks, err = g.Reclaim(ctx, []Key{key("pear")})
	require.NoError(t, err)
	require.Equal(t, []Leak{{key("pear"), 5}}, leaks)
}

// While holds come and go nothing looks leaked that is not, and what is leaked in
// the middle of it is freed, though something is pending all the time.
func TestReclaimUnderLoad(t *testing.T) {
	g := openGate(t, testservers.Redis(t).URL())
	ctx := t.Context()
	skus := []string{"apple", "fig", "pear"}
	var all []Key
	var views []View
	for _, sku := range skus {
		all = append(all, key(sku))
		views = append(views, view(sku, 1e9, 1))
	}
	require.NoError(t, g.Settle(ctx, views, nil))
	require.Equal(t, Frozen, g.Freeze(ctx, []Hold{hold("stays", line("apple", 2), line("fig", 2), line("pear", 2))})[0].Outcome)

	stop := make(chan struct{})
	var callers sync.WaitGroup
	for caller := range 4 {
		callers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				name := fmt.Sprintf("%d-%d", caller, i)
				h := hold(name, line(skus[i%3], int64(1+i%5)), line(skus[(i+1)%3], 1))
				h.Lines = MergeLines(h.Lines)
				if f := g.Freeze(ctx, []Hold{h})[0]; f.Outcome != Frozen {
					t.Errorf("%s: %s %v", name, f.Outcome, f.Err)
					return
				}
				if err := g.Settle(ctx, nil, []HoldID{h.HoldID}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 200 {
		leaks, err := g.Reclaim(ctx, all)
		require.NoError(t, err)
		require.Empty(t, leaks)
	}
	require.NoError(t, g.client.HIncrBy(ctx, g.keys.row(key("fig")), "p", 17).Err())
	leaks, err := g.Reclaim(ctx, all)
	require.NoError(t, err)
	require.Equal(t, []Leak{{key("fig"), 17}}, leaks)
	close(stop)
	callers.Wait()
	rows, err := g.Rows(ctx, all)
	require.NoError(t, err)
	for _, row := range rows {
		require.EqualValues(t, 2, row.Pending, row.SKU)
	}
}
