package simulation

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"testing/synctest"
	"time"
)

// fate is what becomes of one step of a store.
type fate uint8

const (
	done   fate = iota // it happens, and its reply arrives
	unsent             // it does not happen, and no reply arrives
	mute               // it happens, and no reply arrives
	twice              // it happens twice: the client library repeated it
	late               // COMMIT only: no reply, and it is decided later
)

var fateNames = [...]string{"", " (unsent)", " (no reply)", " (twice)", " (late)"}

// turn is a goroutine that waits for the scheduler.
type turn struct {
	who     string
	ready   func() bool // nil: always
	fates   []fate      // what may become of it beside done
	proceed chan fate
}

// scheduler lets one goroutine move at a time, chosen by a seed.
type scheduler struct {
	mu      sync.Mutex
	random  *rand.Rand
	waiting []*turn
	faults  float64 // chance of a fate other than done
	trace   func(format string, args ...any)
	steps   int
	fated   [len(fateNames)]int // how many steps had which fate
}

// wait blocks until the scheduler gives the caller its turn.
func (s *scheduler) wait(who string, ready func() bool, fates ...fate) fate {
	t := &turn{who: who, ready: ready, fates: fates, proceed: make(chan fate)}
	s.mu.Lock()
	s.waiting = append(s.waiting, t)
	s.mu.Unlock()
	return <-t.proceed
}

// step lets one goroutine move, or time pass when none can. Everything else in
// the bubble has come to rest before.
func (s *scheduler) step() {
	synctest.Wait()
	t := s.choose()
	if t == nil {
		time.Sleep(10 * time.Millisecond)
		return
	}
	fate := done
	if len(t.fates) > 0 && s.random.Float64() < s.faults {
		fate = t.fates[s.random.IntN(len(t.fates))]
	}
	s.steps++
	s.fated[fate]++
	s.trace("%6d %s%s", s.steps, t.who, fateNames[fate])
	time.Sleep(time.Duration(50+s.random.IntN(400)) * time.Microsecond)
	t.proceed <- fate
}

// choose takes one of those that can move, in an order that does not depend on
// the order in which they came.
func (s *scheduler) choose() *turn {
	s.mu.Lock()
	defer s.mu.Unlock()
	var able []*turn
	for _, t := range s.waiting {
		if t.ready == nil || t.ready() {
			able = append(able, t)
		}
	}
	if len(able) == 0 {
		return nil
	}
	slices.SortStableFunc(able, func(a, b *turn) int { return cmp.Compare(a.who, b.who) })
	t := able[s.random.IntN(len(able))]
	s.waiting = slices.DeleteFunc(s.waiting, func(w *turn) bool { return w == t })
	return t
}
