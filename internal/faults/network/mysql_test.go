//go:build faults

package network_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
)

// Whatever happens between a server and MySQL, every caller hears so in words and
// by its own deadline: the ledger is away and when to come back, or the deadline
// passed. What the gate froze for nothing is given back, the books agree, and
// once MySQL can be had the same processes go on.
func TestFaultsBetweenServerAndMySQL(t *testing.T) {
	t.Parallel()
	a := openArena(t)
	toMySQL := hop{a.ToMySQL, faults.CommitPacket}
	for _, f := range all {
		t.Run(f.name, func(t *testing.T) {
			c := a.open(t, f, faults.ShopOptions{Attempt: 2 * time.Second}, toMySQL)
			p := newPatron(t, f.slug(), 1500*time.Millisecond, a.clients...)
			leave := p.during(t)
			unready := false
			c.endure(t, func() bool {
				unready = unready || a.servers[0].Ready(t.Context()) != nil
				return !f.total || unready && p.failed() // the fault is felt, and no server without a ledger calls itself ready
			}, func() {
				require.Eventually(t, func() bool {
					return a.servers[0].Ready(t.Context()) == nil && p.try(t.Context(), a.clients[0], p.sku+"-last").err == nil
				}, recovery, 100*time.Millisecond, "the server stays away")
				leave()
			})

			p.requireAnswers(t)
			requireAway(t, p)
			c.requireEnded(t, 2*time.Second)
		})
	}
	for _, server := range a.servers {
		t.Logf("process %d ran batches again for COMMITs without a reply: %v", server.Pid(), metric(t, server, retriedCommits))
	}
	require.Positive(t, metric(t, a.servers[0], retriedCommits)+metric(t, a.servers[1], retriedCommits))
}

// retriedCommits counts batches run again because nobody knows what became of them.
const retriedCommits = `stockhold_ledger_retries_total{cause="commit_unknown"}`

// requireAway sees that a patron heard nothing but what a ledger that is away
// entitles it to hear.
func requireAway(t *testing.T, p *patron) {
	t.Helper()
	for _, v := range p.visits {
		if v.err == nil {
			continue
		}
		refusal := faults.Refusal(v.err)
		switch refusal.GetReason() {
		case stockholdv1.Reason_REASON_DEADLINE_EXCEEDED:
		case stockholdv1.Reason_REASON_UNAVAILABLE, stockholdv1.Reason_REASON_OVERLOADED:
			require.Positive(t, refusal.GetRetryAfter().AsDuration(), "%s: %v", v.id, v.err)
		default:
			require.NoError(t, v.err, v.id)
		}
	}
}
