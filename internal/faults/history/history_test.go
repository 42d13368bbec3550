//go:build faults

package history

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
)

var (
	firstSeed = flag.Uint64("seed", 1, "the first seed of the histories")
	seeds     = flag.Int("seeds", 4, "how many seeds")
	record    = flag.String("record", "", "write the last history to this file")
)

func TestMain(m *testing.M) { faults.Main(m, faults.BuildOptions{}) }

// Twelve clients race on two processes, with all kinds of calls, while processes
// are killed, also at crash points, and halted, connections between all parts are
// cut, reset and silenced, replies are lost, and the gate is wiped and killed. One
// order of events explains everything that every client was told.
func TestHistories(t *testing.T) {
	site := faults.NewSite(t, faults.SiteOptions{})
	var servers []*faults.Server
	for range 2 {
		server, err := site.Host(t.Context())
		require.NoError(t, err)
		servers = append(servers, server)
	}
	seen, retried := map[string]int{}, map[*faults.Process]float64{}
	whole := *seeds >= 4 // else somebody plays a few again
	enough := func() bool {
		return !whole || !slices.ContainsFunc(corners, func(corner string) bool { return seen[corner] == 0 })
	}
	last := *firstSeed + uint64(*seeds)
	for seed := *firstSeed; seed < last || seed < last+moreSeeds && !enough() && !t.Failed(); seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			h := raceIn(t, site, servers, seed, retried)
			if *record != "" {
				require.NoError(t, h.Write(*record))
			}
			began := time.Now()
			require.NoError(t, h.Check())
			t.Logf("judged in %s", time.Since(began))
			for _, op := range h.Operations {
				seen[outline(op)]++
			}
		})
	}
	if !whole {
		return
	}
	again := 0.0
	for _, n := range retried {
		again += n
	}
	t.Logf("%d replies to COMMIT were lost; batches were run again %v times for want of one", site.ToMySQL.Lost(), again)
	require.Positive(t, site.ToMySQL.Lost())
	require.Positive(t, again)
	for _, corner := range corners {
		require.Positive(t, seen[corner], "%q never came up: the clients ask too little; %v", corner, seen)
	}
}

// outline is an operation in few words.
func outline(op Operation) string {
	a := op.Answer
	switch {
	case op.Echo:
		return "echo"
	case a.Open:
		return "open " + string(op.Call.Kind)
	case a.Refusal != 0:
		return fmt.Sprintf("%s %s", op.Call.Kind, strings.TrimPrefix(a.Refusal.String(), "REASON_"))
	case a.Replayed:
		return string(op.Call.Kind) + " replayed"
	case op.Call.Kind == Read:
		return "read " + strings.TrimPrefix(a.State.String(), "STATE_")
	default:
		return string(op.Call.Kind)
	}
}

// moreSeeds are played, at most, until all corners have come up: on a busy machine
// less happens in one.
const moreSeeds = 8

// corners must have come up, or the histories say little.
var corners = []string{"open Try", "open Confirm", "echo", "Try INSUFFICIENT_STOCK", "Try replayed", "Try CANCELED", "Try RELEASED",
	"Try ID_REUSED", "Try UNKNOWN_SKU", "Confirm RELEASED", "ConfirmAny", "ConfirmAny RELEASED", "Cancel ALREADY_CONFIRMED",
	"Extend", "Fulfill", "Return", "read EXPIRED", "read CANCELED", "read FULFILLED", "SetStock STALE", "AdjustStock replayed", "AdjustStock ID_REUSED"}

// raceIn lets clients race in a storm and returns their history.
func raceIn(t *testing.T, site *faults.Site, servers []*faults.Server, seed uint64, retried map[*faults.Process]float64) History {
	t.Helper()
	r := newRace(fmt.Sprintf("h%d", seed), plan{seed: seed, shelves: 40, open: 8, every: 300 * time.Millisecond}, 12,
		[]*faults.Client{servers[0].Client, servers[1].Client})
	site.Desk.Ask(r.decider.answer)
	r.open(t.Context())

	storm := &storm{site: site, servers: servers, random: rand.New(rand.NewPCG(seed, 1<<32)), strokes: map[string]int{}, retried: retried}
	raging, calm := context.WithCancel(t.Context())
	defer calm()
	ended := make(chan error, 1)
	go func() { ended <- storm.rage(raging) }()
	r.each(func(c *client) { c.race(t.Context(), r.plan, pause) })
	calm()
	require.NoError(t, <-ended)

	require.NoError(t, site.HealProxies())
	require.NoError(t, r.look(t.Context()))
	require.Empty(t, r.defects())
	h := r.history().Echoed(lostCommits(t, servers, r.start))
	t.Logf("%d operations in %s, %d of them open; strokes: %v", len(h.Operations), time.Since(r.start), open(h.Operations), storm.strokes)

	// What nobody decided is given back, and nothing is left over anywhere.
	site.Desk.Ask(func(context.Context, *stockholdv1.Question) *stockholdv1.Decision {
		return &stockholdv1.Decision{Verdict: stockholdv1.Verdict_VERDICT_ABORT}
	})
	took, err := site.Rest(t.Context(), servers[0].Client)
	require.NoError(t, err)
	t.Logf("at rest after %s", took)
	return h
}
