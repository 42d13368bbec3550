package sweeper

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/reservation"
)

// pointed is a decider that can be compared with another one.
type pointed struct {
	name  string
	asked atomic.Int64
	err   error
}

func (p *pointed) Decide(_ context.Context, _ string, questions []Question) ([]Decision, error) {
	p.asked.Add(1)
	if p.err != nil {
		return nil, p.err
	}
	return saying(Commit)(context.Background(), "", questions)
}

// A change is taken up between two pages, whole: what was claimed before is asked
// about by the old rules, and only then are the old deciders told to be free.
func TestChangeIsTakenUpBetweenPages(t *testing.T) {
	old, next := &pointed{name: "old"}, &pointed{name: "new"}
	var s *Sweeper
	adopted, claims := 0, 0
	store := &fakeStore{claim: func(limit int) ([]reservation.Claim, error) {
		claims++
		switch claims {
		case 1:
			require.Equal(t, maxPage, limit)
			apply, err := s.Change(map[string]Decider{"orders": next}, Options{Page: 7}, func() { adopted++ })
			require.NoError(t, err)
			apply()
			require.Zero(t, adopted, "not while a page is under way")
			return claimed("orders", 2), nil
		case 2:
			require.Equal(t, 7, limit)
			require.Equal(t, 1, adopted)
			require.EqualValues(t, 1, old.asked.Load(), "the page before was asked about with the old one")
			return claimed("orders", 2), nil
		}
		return nil, nil
	}}
	s = parts{store: store, deciders: map[string]Decider{"orders": old}}.sweeper(t)
	var report Report
	_, err := s.decide(t.Context(), &report, nil)
	require.NoError(t, err)
	require.Equal(t, 3, claims)
	require.EqualValues(t, 1, old.asked.Load())
	require.EqualValues(t, 1, next.asked.Load())
	require.Equal(t, 1, adopted)
}

// An owner whose decider stays keeps its breaker; one whose decider changes, or
// whose breaker is to be another, begins anew.
func TestChangeKeepsBreakersOfDecidersThatStay(t *testing.T) {
	down := errors.New("down")
	stays, moves, goes := &pointed{err: down}, &pointed{err: down}, &pointed{err: down}
	s := parts{store: &fakeStore{}, deciders: map[string]Decider{"stays": stays, "moves": moves, "goes": goes}}.sweeper(t)
	for range s.opts.BreakerFailures {
		for name, o := range s.owners {
			_, err := o.decide(t.Context(), claimed(name, 1))
			require.ErrorIs(t, err, down)
		}
	}
	open := func(name string) bool {
		_, err := s.owners[name].decide(t.Context(), claimed(name, 1))
		return errors.Is(err, errBreakerOpen)
	}
	require.True(t, open("stays") && open("moves") && open("goes"))

	opts := s.opts
	opts.RequestTimeout = time.Second
	change := func(deciders map[string]Decider) {
		apply, err := s.Change(deciders, opts, nil)
		require.NoError(t, err)
		apply()
		s.adopt()
	}
	change(map[string]Decider{"stays": stays, "moves": &pointed{}, "comes": saying(Commit)})
	require.True(t, open("stays"))
	require.False(t, open("moves"))
	require.False(t, open("comes"))
	require.NotContains(t, s.owners, "goes")
	require.Equal(t, time.Second, s.owners["stays"].timeout)
	change(map[string]Decider{"comes": saying(Commit)}) // which cannot be compared
	require.False(t, open("comes"))
	opts.BreakerFailures++
	change(map[string]Decider{"stays": stays})
	require.False(t, open("stays"))
}

// What makes no sense is refused before anything changes, and of two changes the
// later one counts.
func TestChangesThatAreNotTakenUp(t *testing.T) {
	s := parts{store: &fakeStore{}}.sweeper(t)
	_, err := s.Change(nil, Options{Lease: time.Second, RequestTimeout: time.Second}, nil)
	require.ErrorContains(t, err, "RequestTimeout")
	s.adopt()
	require.Equal(t, 30*time.Second, s.opts.Lease)

	var adopted []int
	for i := range 2 {
		apply, err := s.Change(nil, Options{Page: i + 1}, func() { adopted = append(adopted, i) })
		require.NoError(t, err)
		apply()
	}
	s.adopt()
	s.adopt()
	require.Equal(t, []int{1}, adopted)
	require.Equal(t, 2, s.opts.Page)
}

// A sweeper that sleeps for an hour wakes for a change.
func TestChangeWakesASleepingSweeper(t *testing.T) {
	s := parts{store: &fakeStore{}, opts: Options{Interval: time.Hour}}.sweeper(t)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { require.NoError(t, s.Run(ctx)) })
	defer running.Wait()
	defer stop()
	adopted := make(chan struct{})
	apply, err := s.Change(nil, Options{}, func() { close(adopted) })
	require.NoError(t, err)
	apply()
	select {
	case <-adopted:
	case <-time.After(30 * time.Second):
		require.Fail(t, "it sleeps on")
	}
}
