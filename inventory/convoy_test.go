package inventory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

// A call whose caller gave up in the queue is not sent: the caller may have
// settled that hold already.
func TestConvoyLeavesAbandonedCallsBehind(t *testing.T) {
	server := testservers.NewRedis(t, testservers.RedisOptions{})
	g := openGate(t, server.URL()+"?dial_timeout=1m") // no flight ends before the server goes on, however busy the machine
	ctx := t.Context()
	require.NoError(t, g.Settle(ctx, []View{view("apple", 100, 1)}, nil))
	require.NoError(t, server.Signal(syscall.SIGSTOP))

	underWay := func(flights int) func() bool {
		return func() bool {
			g.convoy.mu.Lock()
			defer g.convoy.mu.Unlock()
			return g.convoy.flights == flights && len(g.convoy.queue) == 0
		}
	}
	require.Eventually(t, underWay(0), 30*time.Second, time.Millisecond, "the settlement's own flight has ended")
	waiting := make(chan Freeze)
	for i := range flightsAtOnce {
		go func() { waiting <- g.Freeze(ctx, []Hold{hold(fmt.Sprint("waits-", i), line("apple", 1))})[0] }()
		require.Eventually(t, underWay(i+1), 30*time.Second, time.Millisecond)
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	require.Equal(t, Away, g.Freeze(short, []Hold{hold("leaves", line("apple", 1))})[0].Outcome)
	go func() { waiting <- g.Freeze(ctx, []Hold{hold("waits-too", line("apple", 1))})[0] }()

	require.NoError(t, server.Signal(syscall.SIGCONT))
	for range flightsAtOnce + 1 {
		require.Equal(t, Freeze{Outcome: Frozen}, <-waiting)
	}
	pending, err := g.Pending(ctx, 0, 100)
	require.NoError(t, err)
	require.Len(t, pending, flightsAtOnce+1)
	for _, h := range pending {
		require.NotEqual(t, "leaves", h.ID)
	}
}

// freight makes a convoy whose flights answer Frozen once they are let go, and
// notes what they carried.
func freight() (c *convoy, carried func() []string, letGo func()) {
	var mu sync.Mutex
	var ids []string
	wait := make(chan struct{})
	c = &convoy{timeout: time.Minute, flight: func(loads []*load) {
		<-wait
		mu.Lock()
		defer mu.Unlock()
		for _, l := range loads {
			l.land(func() error {
				for i, h := range l.holds {
					l.results[i] = Freeze{Outcome: Frozen}
					ids = append(ids, h.ID)
				}
				return nil
			})
		}
	}}
	return c, func() []string { mu.Lock(); defer mu.Unlock(); return ids }, sync.OnceFunc(func() { close(wait) })
}

func loadOf(since time.Time, holds ...Hold) *load {
	l := &load{holds: holds, results: make([]Freeze, len(holds)), since: since, done: make(chan struct{})}
	for _, h := range holds {
		l.lines += len(h.Lines)
	}
	return l
}

// Whoever waited for a round trip as long as one may take hears that there is
// none, and is not carried: nobody waits for many slow ones.
func TestConvoyTurnsTheLateAway(t *testing.T) {
	c, carried, letGo := freight()
	defer c.close()
	defer letGo()
	for i := range flightsAtOnce {
		require.True(t, c.enqueue(loadOf(time.Now(), hold(fmt.Sprint("first-", i)))))
		require.Eventually(t, func() bool { c.mu.Lock(); defer c.mu.Unlock(); return len(c.queue) == 0 }, patience, time.Millisecond)
	}
	late := loadOf(time.Now().Add(-c.timeout-time.Second), hold("late"))
	early := loadOf(time.Now(), hold("early"))
	require.True(t, c.enqueue(late))
	require.True(t, c.enqueue(early))
	letGo()
	<-late.done
	require.ErrorIs(t, late.err, ErrAway)
	require.ErrorContains(t, late.err, "no round trip left within 1m0s")
	<-early.done
	require.NoError(t, early.err)
	c.close()
	require.Len(t, carried(), flightsAtOnce+1)
	require.NotContains(t, carried(), "late")
	require.ErrorIs(t, c.send(t.Context(), []Hold{hold("closed")}, make([]Freeze, 1)), ErrAway)
}

// What gathers leaves together, as much as fits: a large load waits for the next
// flight, and one that is too large for any leaves alone.
func TestConvoyFillsItsFlights(t *testing.T) {
	c, _, letGo := freight()
	letGo()
	now := time.Now()
	lines := func(n int) *load { return loadOf(now, Hold{Lines: make([]Line, n)}) }
	many := loadOf(now, make([]Hold, rowsPerTrip-1)...)
	for _, tt := range []struct {
		queue []*load
		want  []int // how many leave at a time
	}{
		{[]*load{lines(1), lines(2), lines(3)}, []int{3}},
		{[]*load{lines(linesPerTrip - 1), lines(1), lines(1)}, []int{2, 1}},
		{[]*load{lines(linesPerTrip - 1), lines(2), lines(1)}, []int{1, 2}},
		{[]*load{lines(2 * linesPerTrip), lines(1)}, []int{1, 1}},
		{[]*load{lines(1), lines(2 * linesPerTrip), lines(1)}, []int{1, 1, 1}},
		{[]*load{many, loadOf(now, Hold{}), loadOf(now, Hold{})}, []int{2, 1}},
	} {
		c.queue, c.flights = tt.queue, 1
		var got []int
		for loads, _ := c.board(); len(loads) > 0; loads, _ = c.board() {
			got = append(got, len(loads))
		}
		require.Equal(t, tt.want, got)
		require.Zero(t, c.flights)
		require.Empty(t, c.queue)
	}
}

// A caller that leaves while its holds are on the way gets its results to itself:
// the flight, when it lands, writes nothing there.
func TestConvoyLeavesTheResultsOfThoseWhoLeft(t *testing.T) {
	c, carried, letGo := freight()
	defer c.close()
	defer letGo()
	ctx, cancel := context.WithCancelCause(t.Context())
	results := make([]Freeze, 1)
	left := make(chan error)
	go func() { left <- c.send(ctx, []Hold{hold("1")}, results) }()
	require.Eventually(t, func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.flights == 1 && len(c.queue) == 0 }, patience, time.Millisecond)
	cancel(errors.New("enough"))
	require.ErrorIs(t, <-left, errCallerGone)
	results[0] = Freeze{Outcome: Away}
	letGo()
	c.close()
	require.Equal(t, []Freeze{{Outcome: Away}}, results)
	require.Empty(t, carried())
}
