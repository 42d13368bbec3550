//go:build faults

package crash

import (
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/faults"
)

const (
	itself = "kill"      // SIGKILL to itself, at the point
	slowly = "kill 50ms" // the same; an answer that was given too early would leave first
	stay   = "kill 1h"   // the goroutine stays at the point, the others go on; the test kills the process
)

// die lets the victim begin its work and kills it at the point.
func (c *cell) die() {
	c.before()
	how := c.how()
	reached := c.arm(how)
	heard := c.begin()
	reached()
	if c.at.told() {
		require.NoError(c.t, <-heard, "the process lives, and has done what was asked")
	}
	if how == stay {
		c.silent(heard)
		require.NoError(c.t, c.victim.Halt())
		c.meanwhile()
	}
	require.NoError(c.t, c.victim.Kill())
	if !c.at.told() && !c.at.sweeps() {
		err := <-heard
		require.Error(c.t, err, "answered before it happened")
		require.False(c.t, faults.Final(err), "%v", err)
	}
}

// silent gives an answer that leaves too early the time to leave. Nobody may hear
// of what is not committed.
func (c *cell) silent(heard <-chan error) {
	if c.at.told() || c.at.sweeps() {
		return
	}
	select {
	case err := <-heard:
		require.Fail(c.t, "answered before its time", "at %s: %v", c.at, err)
	case <-time.After(50 * time.Millisecond):
	}
}

// before takes a store away from work that does not need it.
func (c *cell) before() {
	switch {
	case c.when == redisDown && c.at.step != "settled":
		require.NoError(c.t, c.site.Redis.Kill())
	case c.when == mysqlDown && c.at.early():
		require.NoError(c.t, c.site.DB.Kill())
	}
}

// how the process dies: by itself, or held at the point while something else happens.
func (c *cell) how() string {
	switch {
	case c.at.told():
		return stay
	case c.when == alone, c.when == redisDown && c.at.step != "settled", c.when == mysqlDown && c.at.early():
		if c.at.locks() {
			return slowly
		}
		return itself
	default:
		return stay
	}
}

// arm sets the trap; what it returns waits until the victim is in it.
func (c *cell) arm(how string) (reached func()) {
	if c.at.step != "asked" {
		require.NoError(c.t, c.victim.Arm(c.at.armed(), how))
		return func() { require.NoError(c.t, c.victim.Reached(c.ctx)) }
	}
	caught := make(chan error, 1)
	victim := c.victim
	c.book.lieInWait(func() {
		if how == stay {
			caught <- victim.Halt()
		} else {
			caught <- victim.Kill()
		}
	})
	return func() {
		select {
		case err := <-caught:
			require.NoError(c.t, err)
		case <-c.ctx.Done():
			require.NoError(c.t, c.ctx.Err(), "the owner was not asked")
		}
	}
}

// begin starts the victim's work. What comes is what the caller hears.
func (c *cell) begin() <-chan error {
	heard := make(chan error, 1)
	if c.at.sweeps() {
		require.NoError(c.t, c.tellBoth(c.office, try)) // due soon, and nobody will send Confirm or Cancel
		return heard
	}
	go func() { heard <- c.tellBoth(c.victim, c.at.work) }()
	return heard
}

// meanwhile is what happens while the victim is halted at its point.
func (c *cell) meanwhile() {
	switch c.when {
	case redisDown:
		if c.at.step == "settled" {
			require.NoError(c.t, c.site.Redis.Kill())
		}
	case mysqlDown:
		require.NoError(c.t, c.site.DB.Kill())
	case duplicate, asItDies:
		c.duplicate = true
		if c.at.sweeps() {
			c.secondSweeper()
		} else {
			c.secondCall(c.at.work, c.at.work)
		}
	case lateCall:
		c.secondCall(confirm, cancel)
	}
}

// secondSweeper begins before the first is dead, and goes on after it.
func (c *cell) secondSweeper() {
	rival, err := c.serve(c.ctx)
	require.NoError(c.t, err)
	victim := c.victim
	c.victim = rival
	if c.when == duplicate && !c.at.locks() {
		c.ended()
	}
	require.NoError(c.t, victim.end())
}

// secondCall sends calls about the two orders to the office, which answers them
// while the first process is halted or, where that one holds the rows, when it is dead.
func (c *cell) secondCall(first, second work) {
	type answer struct {
		replayed, sure bool
		err            error
	}
	answers := make([]answer, 2)
	var calls sync.WaitGroup
	for i, w := range []work{first, second} {
		calls.Go(func() { answers[i].replayed, answers[i].sure, answers[i].err = c.insist(c.office, w, c.orders()[i]) })
	}
	switch {
	case c.when == asItDies:
		require.NoError(c.t, c.victim.Kill())
	case c.at.locks():
		eventually(c.ctx, c.t, lockPoll, func() error { return c.waiting(c.ctx) })
		require.NoError(c.t, c.victim.Kill())
	}
	calls.Wait()
	for i, w := range []work{first, second} {
		c.answered(w, c.orders()[i], answers[i].replayed, answers[i].sure, answers[i].err)
	}
}

// answered judges the answer to a call that arrived while the victim stood at its point.
func (c *cell) answered(w work, o *order, replayed, sure bool, err error) {
	tooLate := c.at.work == policy && c.at.committed()
	if tooLate && w == confirm {
		require.Equal(c.t, wasReleased, faults.Refusal(err).GetReason(), "%v", err)
		return
	}
	require.NoError(c.t, err, "%s of %s", w, o.id)
	if want := c.at.committed() && !tooLate; sure || want {
		require.Equal(c.t, want, replayed, "%s of %s", w, o.id)
	}
}
