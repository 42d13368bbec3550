package main

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestScheduleIsDrawnFromTheSeedAlone(t *testing.T) {
	short, long := Schedule(7, time.Minute), Schedule(7, 10*time.Minute)
	require.Equal(t, short, Schedule(7, time.Minute))
	require.Equal(t, short, long[:len(short)], "a longer soak goes on where a shorter one ends")
	require.NotEqual(t, short, Schedule(8, time.Minute))
	require.Empty(t, Schedule(7, time.Second))
}

// Whatever the seed: faults come in order and end in time, at most two at once, on
// two targets; and there is calm between them.
func TestScheduleKeepsItsRules(t *testing.T) {
	const length = 20 * time.Minute
	for seed := range uint64(50) {
		faults := Schedule(seed, length)
		var over time.Duration // when everything before has ended
		for i := 0; i < len(faults); {
			spell := 1
			if i+1 < len(faults) && faults[i+1].At <= faults[i].At+faults[i].For+50*ms {
				spell = 2
				require.NotEqual(t, faults[i].Target, faults[i+1].Target)
			}
			require.GreaterOrEqual(t, faults[i].At, over+200*ms, "no calm before %s", faults[i])
			for _, f := range faults[i : i+spell] {
				over = max(over, f.At+f.For)
			}
			require.LessOrEqual(t, over, length)
			i += spell
		}
	}
}

// Every sort of fault, target and crash point comes up, and faults overlap.
func TestScheduleLeavesNothingOut(t *testing.T) {
	kindsSeen, points, overlaps := map[string]bool{}, map[string]bool{}, 0
	faults := Schedule(1, 3*time.Hour)
	for i, f := range faults {
		kindsSeen[f.Kind+string(f.Target)] = true
		points[f.Point] = true
		if i > 0 && f.At < faults[i-1].At+faults[i-1].For {
			overlaps++
		}
	}
	for _, k := range kinds {
		require.True(t, slices.ContainsFunc(faults, func(f Fault) bool { return f.Kind == k.name }), k.name)
	}
	for _, target := range []Target{server(0), server(1), server(2), gateLink, ledgerLink, deciderLink} {
		require.True(t, kindsSeen["replies lost"+string(target)], target)
	}
	for _, point := range crashpoints {
		require.True(t, points[point], point)
	}
	require.Greater(t, overlaps, len(faults)/20)
}

func TestPrint(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Print(&out, []Fault{
		{At: 2500 * ms, Kind: "killed at a crash point", Target: server(1), Point: "try.sent", For: time.Second},
		{At: 4 * time.Second, Kind: "keys deleted", Target: theGate, Count: 3},
	}))
	require.Equal(t, "   2.500s  server 1: killed at a crash point, try.sent, for 1s\n   4.000s  Redis: keys deleted, 3\n", out.String())
}
