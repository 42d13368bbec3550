package sweeping

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/bench/stage"
	"stockhold/reservation"
)

var due = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

func expired(n int, gap time.Duration) []stage.Fate {
	fates := make([]stage.Fate, n)
	for i := range fates {
		fates[i] = stage.Fate{ID: "a0", State: reservation.Expired, Expires: due, Resolved: due.Add(time.Duration(i+1) * gap)}
	}
	return fates
}

func TestSummary(t *testing.T) {
	got := summarize(Case{Name: "burst"}, expired(100, 10*time.Millisecond), due)
	require.InDelta(t, 100, got.PerSecond, 1e-9)
	require.InDelta(t, 510, got.P50, 1e-9)
	require.InDelta(t, 1000, got.P99, 1e-9)
	require.InDelta(t, 1000, got.Max, 1e-9)

	late := summarize(Case{Name: "burst"}, expired(100, 10*time.Millisecond), due.Add(500*time.Millisecond))
	require.InDelta(t, 200, late.PerSecond, 1e-9, "a sweep that began late is not charged for what it waited")

	steady := summarize(Case{Name: "steady", Spread: time.Second}, expired(2, time.Millisecond), due)
	require.Zero(t, steady.PerSecond, "how fast they fell due is no speed of the sweeper's")
}

func TestCheckSeesEveryHold(t *testing.T) {
	good := expired(3, time.Millisecond)
	require.NoError(t, check(good, Case{Holds: 3}))
	require.ErrorContains(t, check(good, Case{Holds: 4}), "4 holds were made, and 3 are there")

	open := expired(3, time.Millisecond)
	open[1].State = reservation.Reserved
	require.ErrorContains(t, check(open, Case{Holds: 3}), "is RESERVED, and should be EXPIRED")

	early := expired(3, time.Millisecond)
	early[2].Resolved = due.Add(-time.Second)
	require.ErrorContains(t, check(early, Case{Holds: 3}), "1s before it was due")

	asked := []stage.Fate{{ID: "a0", State: reservation.Confirmed, Expires: due, Resolved: due}, {ID: "a1", State: reservation.Canceled, Expires: due, Resolved: due}}
	require.NoError(t, check(asked, Case{Holds: 2, Ask: true}))
	asked[1].State = reservation.Confirmed
	require.ErrorContains(t, check(asked, Case{Holds: 2, Ask: true}), "should be CANCELED")
}
