//go:build faults

package network_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
)

// An asked is an owner of its own, behind a connection of its own, with holds
// whose Confirm or Cancel was lost: only its decider knows what became of them.
type asked struct {
	owner string
	fault fault
	hop   hop
	ids   []string
}

// word is what an owner decided about a hold: every third order was given up.
func word(id string) stockholdv1.Verdict {
	if strings.HasSuffix(id, "-0") || strings.HasSuffix(id, "-3") {
		return stockholdv1.Verdict_VERDICT_ABORT
	}
	return stockholdv1.Verdict_VERDICT_COMMIT
}

func ended(v stockholdv1.Verdict) stockholdv1.State {
	if v == stockholdv1.Verdict_VERDICT_COMMIT {
		return stockholdv1.State_STATE_CONFIRMED
	}
	return stockholdv1.State_STATE_CANCELED
}

// hold makes the owner's lost orders, which soon are past their expiry.
func (o *asked) hold(t *testing.T, client *faults.Client, batch string, n int) {
	t.Helper()
	o.ids = nil
	request := &stockholdv1.BatchTryRequest{}
	for i := range n {
		id := fmt.Sprintf("%s-%d", batch, i)
		o.ids = append(o.ids, id)
		request.Requests = append(request.Requests, tryOf(o.owner, id, "asked", time.Second))
	}
	answer, err := client.BatchTry(faults.Within(t, recovery), request)
	require.NoError(t, err)
	for _, outcome := range answer.GetOutcomes() {
		require.Nil(t, outcome.GetFailure(), "%v", outcome)
	}
}

// requireKept sees that nothing happened to the holds but what their owner said:
// if it could not say anything, they are held.
func (o *asked) requireKept(t *testing.T, client *faults.Client) {
	t.Helper()
	for _, id := range o.ids {
		state := get(t, client, o.owner, id).GetState()
		if !o.fault.total && state == ended(word(id)) {
			continue
		}
		require.Equal(t, stockholdv1.State_STATE_RESERVED, state, "%s: %s without its owner's word", o.fault.name, id)
	}
}

// requireDecided waits until all holds are as their owner decided.
func (o *asked) requireDecided(t *testing.T, client *faults.Client) {
	t.Helper()
	for _, id := range o.ids {
		faults.Eventually(t, func() bool { return get(t, client, o.owner, id).GetState() != stockholdv1.State_STATE_RESERVED },
			patience, 50*time.Millisecond, "%s: %s stays undecided", o.owner, id)
		end := get(t, client, o.owner, id)
		require.Equal(t, ended(word(id)), end.GetState(), "%s: %s", o.owner, id)
		require.Equal(t, stockholdv1.ResolvedBy_RESOLVED_BY_CHECK_BACK, end.GetResolvedBy())
	}
}

func parked(t *testing.T, client *faults.Client, owner string) int {
	t.Helper()
	return len(faults.Answered(t, recovery, func(ctx context.Context) (*stockholdv1.ListReservationsResponse, error) {
		return client.ListReservations(ctx, &stockholdv1.ListReservationsRequest{
			Owner: owner, Parked: true, States: []stockholdv1.State{stockholdv1.State_STATE_RESERVED}})
	}).GetReservations())
}

// Whatever happens between a sweeper and a decider, nothing is released because
// nobody answered: holds stay held, past their expiry, and are parked in front of
// an operator. Once the decider can be heard again they are confirmed or given
// back as their owner decided, parked or not. Every owner has its own fault, all
// at the same time.
func TestFaultsBetweenSweeperAndDecider(t *testing.T) {
	t.Parallel()
	site := faults.NewSite(t, faults.SiteOptions{})
	site.Settings["STOCKHOLD_SWEEP_PARK_AFTER"] = "2"
	var owners []*asked
	var deciders []string
	for _, f := range all {
		o := &asked{owner: f.slug(), fault: f, hop: hop{proxyTo(t, site.Desk.Addr()), []byte("/Decide")}}
		owners = append(owners, o)
		deciders = append(deciders, o.owner+"=http://"+o.hop.Addr())
	}
	site.Settings["STOCKHOLD_DECIDERS"] = strings.Join(deciders, ",")
	site.Desk.Ask(func(_ context.Context, question *stockholdv1.Question) *stockholdv1.Decision {
		return &stockholdv1.Decision{Verdict: word(question.GetReservationId())}
	})
	_, client := faults.StartServer(t, site)
	faults.StartServer(t, site)
	require.NoError(t, client.SetStock(t.Context(), "asked", 1_000_000))

	// In fair weather first: so there are connections to break.
	for _, o := range owners {
		o.hold(t, client, "fair", 1)
	}
	for _, o := range owners {
		o.requireDecided(t, client)
	}

	var striking sync.WaitGroup
	for _, o := range owners {
		o.hold(t, client, "foul", 6)
		require.NoError(t, o.fault.begin(o.hop))
		if o.fault.again {
			striking.Go(func() { o.fault.hold(t, 2*lasting, func() bool { return o.hop.Lost() > 0 }, o.hop) })
		}
	}
	for _, o := range owners {
		if o.fault.total {
			faults.Eventually(t, func() bool { return parked(t, client, o.owner) == len(o.ids) }, patience, 50*time.Millisecond,
				"%s: nobody answers, and no operator is shown", o.owner)
		}
		o.requireKept(t, client)
	}
	striking.Wait()
	for _, o := range owners {
		o.requireKept(t, client)
		heal(t, o.hop)
	}
	for _, o := range owners {
		t.Run(o.fault.name, func(t *testing.T) {
			o.requireDecided(t, client)
			require.Zero(t, parked(t, client, o.owner), "parked holds heal")
		})
	}
	requireRest(t, site, client)
}
