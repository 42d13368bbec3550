package sweeper

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/reservation"
)

// verdictsOf counts replies by verdict; those that were not asked are apart.
func verdictsOf(replies []reply) map[string]int {
	counts := map[string]int{}
	for _, r := range replies {
		if r.unasked {
			counts["unasked"]++
		} else {
			counts[r.verdict.String()]++
		}
	}
	return counts
}

func TestHangingOwnerCostsOneTimeoutAndItsOwnHoldsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := parts{deciders: map[string]Decider{"slow": deciderFunc(hanging), "quick": saying(Commit)}}.sweeper(t)
		var report Report
		began := time.Now()
		replies := s.ask(t.Context(), &report, append(claimed("slow", 3), claimed("quick", 2)...))
		require.Equal(t, map[string]int{"UNKNOWN": 3, "COMMIT": 2}, verdictsOf(replies))
		require.Equal(t, 3, report.Unknown)
		require.Equal(t, s.opts.RequestTimeout, time.Since(began))
	})
}

func TestQuestionsAreAskedSomeAtATime(t *testing.T) {
	var sizes []int
	owner := deciderFunc(func(ctx context.Context, name string, questions []Question) ([]Decision, error) {
		require.Equal(t, "orders", name)
		sizes = append(sizes, len(questions))
		return saying(Pending)(ctx, name, questions)
	})
	s := parts{deciders: map[string]Decider{"orders": owner}}.sweeper(t)
	replies := s.ask(t.Context(), &Report{}, claimed("orders", 250))
	require.Equal(t, []int{100, 100, 50}, sizes)
	require.Equal(t, map[string]int{"PENDING": 250}, verdictsOf(replies))
}

func TestNoMoreOwnersAreAskedAtOnceThanAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		owner := deciderFunc(func(ctx context.Context, name string, questions []Question) ([]Decision, error) {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second)
			now.Add(-1)
			return saying(Commit)(ctx, name, questions)
		})
		deciders := map[string]Decider{}
		var claims []reservation.Claim
		for i := range 10 {
			name := fmt.Sprint("owner-", i)
			deciders[name] = owner
			claims = append(claims, claimed(name, 1)...)
		}
		s := parts{deciders: deciders, opts: Options{Parallel: 3}}.sweeper(t)
		began := time.Now()
		require.Len(t, s.ask(t.Context(), &Report{}, claims), 10)
		require.Equal(t, int32(3), most.Load())
		require.Equal(t, 4*time.Second, time.Since(began))
	})
}

// However many owners hang, a page is done with well within its lease: others
// must not claim the same holds meanwhile.
func TestAskingEndsWithinTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deciders := map[string]Decider{}
		var claims []reservation.Claim
		for i := range 20 {
			name := fmt.Sprint("owner-", i)
			deciders[name] = deciderFunc(hanging)
			claims = append(claims, claimed(name, 1)...)
		}
		s := parts{deciders: deciders, opts: Options{Parallel: 2}}.sweeper(t)
		var report Report
		began := time.Now()
		replies := s.ask(t.Context(), &report, claims)
		require.LessOrEqual(t, time.Since(began), s.opts.Lease/2)
		require.Equal(t, map[string]int{"UNKNOWN": 6, "unasked": 14}, verdictsOf(replies), "three rounds of two fit into half a lease")
		require.Equal(t, 14, report.Unasked)
	})
}

func TestBreakerSparesAnOwnerThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, broken := 0, true
		owner := deciderFunc(func(ctx context.Context, name string, questions []Question) ([]Decision, error) {
			asked++
			if broken {
				return nil, errors.New("connection refused")
			}
			return saying(Commit)(ctx, name, questions)
		})
		s := parts{deciders: map[string]Decider{"orders": owner, "others": saying(Abort)}}.sweeper(t)
		ask := func() map[string]int {
			return verdictsOf(s.ask(t.Context(), &Report{}, append(claimed("orders", 1), claimed("others", 1)...)))
		}
		for range s.opts.BreakerFailures {
			require.Equal(t, map[string]int{"UNKNOWN": 1, "ABORT": 1}, ask())
		}
		require.Equal(t, map[string]int{"unasked": 1, "ABORT": 1}, ask(), "open, for this owner alone")
		require.Equal(t, s.opts.BreakerFailures, asked)

		time.Sleep(s.opts.BreakerPause + time.Second)
		require.Equal(t, map[string]int{"UNKNOWN": 1, "ABORT": 1}, ask(), "one request may try again")
		require.Equal(t, map[string]int{"unasked": 1, "ABORT": 1}, ask())

		time.Sleep(s.opts.BreakerPause + time.Second)
		broken = false
		require.Equal(t, map[string]int{"COMMIT": 1, "ABORT": 1}, ask())
		require.Equal(t, map[string]int{"COMMIT": 1, "ABORT": 1}, ask())
	})
}

// Being told to stop says nothing of the owner: no check, no failure of the
// breaker, and what others have answered already is kept.
func TestStoppingWhileAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := parts{
			deciders: map[string]Decider{"slow": deciderFunc(hanging), "quick": saying(Commit)},
			opts:     Options{BreakerFailures: 1},
		}.sweeper(t)
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		replies := s.ask(ctx, &Report{}, append(claimed("slow", 3), claimed("quick", 2)...))
		require.Equal(t, map[string]int{"COMMIT": 2}, verdictsOf(replies))
		require.Equal(t, map[string]int{"UNKNOWN": 1}, verdictsOf(s.ask(t.Context(), &Report{}, claimed("slow", 1))), "the breaker is closed")
	})
}

func TestWhatDoesNotFitIsNoDecision(t *testing.T) {
	id := func(id string, verdict Verdict) Decision { return Decision{ID: id, Verdict: verdict} }
	for _, tt := range []struct {
		name   string
		answer []Decision
		want   []Verdict // for the holds 0, 1, 2
	}{
		{"all of them, in another order", []Decision{id("2", Abort), id("0", Commit), id("1", Pending)}, []Verdict{Commit, Pending, Abort}},
		{"nothing", nil, []Verdict{Unknown, Unknown, Unknown}},
		{"one left out", []Decision{id("0", Commit), id("2", Commit)}, []Verdict{Commit, Unknown, Commit}},
		{"one that was not asked about", []Decision{id("0", Commit), id("9", Abort)}, []Verdict{Commit, Unknown, Unknown}},
		{"ids that are almost right", []Decision{id("0 ", Commit), id("", Abort), id("00", Commit)}, []Verdict{Unknown, Unknown, Unknown}},
		{"twice, and once differently", []Decision{id("0", Commit), id("0", Abort)}, []Verdict{Unknown, Unknown, Unknown}},
		{"twice the same", []Decision{id("0", Commit), id("0", Commit)}, []Verdict{Unknown, Unknown, Unknown}},
		{"three times", []Decision{id("0", Commit), id("0", Abort), id("0", Commit)}, []Verdict{Unknown, Unknown, Unknown}},
		{"verdicts of another version", []Decision{id("0", 0), id("1", 5), id("2", 255)}, []Verdict{Unknown, Unknown, Unknown}},
		{"first no verdict, then one", []Decision{id("0", 9), id("0", Commit)}, []Verdict{Unknown, Unknown, Unknown}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			owner := deciderFunc(func(context.Context, string, []Question) ([]Decision, error) { return tt.answer, nil })
			s := parts{deciders: map[string]Decider{"orders": owner}}.sweeper(t)
			replies := s.ask(t.Context(), &Report{}, claimed("orders", 3))
			require.Len(t, replies, 3)
			for i, r := range replies {
				require.Equal(t, fmt.Sprint(i), r.ID)
				require.Equal(t, tt.want[i], r.verdict, i)
				require.False(t, r.unasked)
			}
		})
	}
}

// An error decides nothing, whatever came with it.
func TestAnswerBesideAnErrorIsIgnored(t *testing.T) {
	owner := deciderFunc(func(ctx context.Context, name string, questions []Question) ([]Decision, error) {
		decisions, _ := saying(Abort)(ctx, name, questions)
		return decisions, errors.New("cut off")
	})
	s := parts{deciders: map[string]Decider{"orders": owner}}.sweeper(t)
	require.Equal(t, map[string]int{"UNKNOWN": 2}, verdictsOf(s.ask(t.Context(), &Report{}, claimed("orders", 2))))
}
