//go:build faults

package network_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/faults"
)

// Whatever happens between a server and Redis, nobody is told: every Try for what
// there is stock of is held, within its caller's deadline, the books agree, and
// once Redis can be had the gate is used again.
func TestFaultsBetweenServerAndRedis(t *testing.T) {
	t.Parallel()
	a := openArena(t)
	toRedis := hop{a.ToRedis, []byte("evalsha")}
	slower := fault{name: "slower than its time-out", begin: func(h hop) error { return h.Delay(300*time.Millisecond, 0) }}
	for _, f := range append(all, slower) {
		t.Run(f.name, func(t *testing.T) {
			c := a.open(t, f, faults.ShopOptions{Attempt: 10 * time.Second}, toRedis)
			p := newPatron(t, f.slug(), 3*time.Second, a.clients...)
			leave := p.during(t)
			passed := c.gatePassed(t)
			c.endure(t, func() bool { // work goes on, and without Redis if nothing comes through
				without := f.name == slower.name || f.total
				return c.answered() >= fewOrders && (!without || c.gatePassed(t) >= passed+fewOrders)
			}, func() {
				leave()
				c.requireGateInUse(t)
			})

			p.requireAnswers(t)
			for _, v := range p.visits {
				require.NoError(t, v.err, v.id)
			}
			counts := c.shop.Tally.Counts()
			require.Empty(t, counts.NoAnswer)
			for _, reason := range []string{"REASON_UNAVAILABLE", "REASON_OVERLOADED", "REASON_DEADLINE_EXCEEDED"} {
				require.Zero(t, counts.Refusals[reason], reason)
			}
		})
	}
}

// gatePassed is how many holds the servers have tried without the gate so far.
func (c *cell) gatePassed(t *testing.T) (n float64) {
	t.Helper()
	for _, server := range c.servers {
		n += metric(t, server, "stockhold_gate_skipped_total")
	}
	return n
}

// requireGateInUse waits until every server lets the gate freeze again.
func (c *cell) requireGateInUse(t *testing.T) {
	t.Helper()
	for _, server := range c.servers {
		const frozen = `stockhold_gate_freezes_total{outcome="frozen"}`
		before := metric(t, server, frozen)
		faults.Eventually(t, func() bool {
			return metric(t, server, frozen) > before && metric(t, server, "stockhold_gate_breaker") == 0
		}, recovery, 50*time.Millisecond, "the gate of process %d stays out of use", server.Pid())
	}
}
