//go:build faults

package clocks_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
)

const (
	overtaken      = `stockhold_sweeper_results_total{result="overtaken"}`
	contradictions = `stockhold_sweeper_results_total{result="contradictions"}`

	ask     = stockholdv1.OnExpiry_ON_EXPIRY_ASK
	release = stockholdv1.OnExpiry_ON_EXPIRY_RELEASE
)

// A sweeper is halted past its lease, having claimed holds. Another one takes over
// and finishes. The first goes on with claims that are no longer its own: it asks,
// acts, and changes nothing.
func TestSweeperIsHaltedAfterItsClaim(t *testing.T) {
	site := faults.NewSite(t, faults.SiteOptions{})
	first, client := faults.StartServer(t, site)
	require.NoError(t, client.SetStock(t.Context(), "claimed", 10))
	site.Desk.Ask(always(commit))
	require.NoError(t, first.Arm("sweep.claimed", "stop"))
	ids := hold(t, client, 5, "claimed", time.Second, ask)
	require.NoError(t, first.Reached(t.Context()))
	require.Zero(t, site.Desk.Asked())

	_, other := faults.StartServer(t, site)
	become(t, other, confirmed, ids)
	before := snapshot(t, other, ids)
	require.NoError(t, first.Resume())
	counted(t, first, overtaken, 5)
	require.Equal(t, before, snapshot(t, client, ids))
	require.Equal(t, [3]int64{10, 0, 5}, stock(t, client, "claimed"))
	clean(t, site)
}

// A sweeper is halted past its lease with the owner's ABORT in its hands. The
// owner changes its mind, and tells another sweeper COMMIT. The first one's ABORT,
// when it goes on, is a contradiction: counted, logged, and without effect.
func TestSweeperIsHaltedWithAnAnswer(t *testing.T) {
	site := faults.NewSite(t, faults.SiteOptions{})
	first, client := faults.StartServer(t, site)
	require.NoError(t, client.SetStock(t.Context(), "heard", 10))
	site.Desk.Ask(always(abort))
	require.NoError(t, first.Arm("sweep.heard", "stop"))
	ids := hold(t, client, 5, "heard", time.Second, ask)
	require.NoError(t, first.Reached(t.Context()))
	require.GreaterOrEqual(t, site.Desk.Asked(), int64(5))

	site.Desk.Ask(always(commit))
	_, other := faults.StartServer(t, site)
	become(t, other, confirmed, ids)
	before := snapshot(t, other, ids)
	require.NoError(t, first.Resume())
	counted(t, first, contradictions, 5)
	require.Contains(t, first.Log(), "contradicts what already happened")
	require.Equal(t, before, snapshot(t, client, ids))
	require.Equal(t, [3]int64{10, 0, 5}, stock(t, client, "heard"))
	clean(t, site)
}

// A sweeper is halted inside the transaction that releases holds. MariaDB ends its
// session within seconds, callers confirm the holds on another server, and the
// sweeper, when it goes on, finds nothing to release.
func TestSweeperIsHaltedInsideItsTransaction(t *testing.T) {
	site := faults.NewSite(t, faults.SiteOptions{})
	first, client := faults.StartServer(t, site)
	require.NoError(t, client.SetStock(t.Context(), "sent", 10))
	require.NoError(t, first.Arm("sweep.sent", "stop"))
	ids := hold(t, client, 5, "sent", time.Second, release)
	require.NoError(t, first.Reached(t.Context()))

	site.Settings["STOCKHOLD_SWEEP"] = "false" // or it may release them before they are confirmed
	_, other := faults.StartServer(t, site)
	for _, id := range ids {
		faults.Answered(t, patience, func(ctx context.Context) (*stockholdv1.ConfirmResponse, error) {
			return other.Confirm(ctx, &stockholdv1.ConfirmRequest{ReservationId: id, Owner: faults.Owner})
		})
	}
	before := snapshot(t, other, ids)
	passes := `stockhold_sweeper_results_total{result="passes"}`
	require.NoError(t, first.Resume())
	more(t, first, passes, 5)
	require.Equal(t, before, snapshot(t, client, ids))
	require.Equal(t, [3]int64{10, 0, 5}, stock(t, client, "sent"))
	clean(t, site)
}

// snapshot is all that is known of reservations.
func snapshot(t *testing.T, client *faults.Client, ids []string) (all []string) {
	t.Helper()
	for _, id := range ids {
		all = append(all, get(t, client, id).String())
	}
	return all
}

// A process is halted inside a batch, with a hot row locked and its COMMIT not
// sent. Calls of another process for other goods go on at once, and those for the
// hot row within seconds, once MariaDB has ended the session. When the process goes
// on, its batch is run again or its caller is told to repeat the call: either way
// the unit is held once.
func TestProcessIsHaltedInsideABatch(t *testing.T) {
	site := faults.NewSite(t, faults.SiteOptions{})
	site.Settings["STOCKHOLD_CALL_TIMEOUT"], site.Settings["STOCKHOLD_SWEEP_REAP_GRACE"] = "1m", "61s"
	first, client := faults.StartServer(t, site)
	_, other := faults.StartServer(t, site)
	require.NoError(t, client.SetStock(t.Context(), "hot", 2))
	require.NoError(t, client.SetStock(t.Context(), "cold", 100))
	require.NoError(t, first.Arm("try.sent", "stop"))
	var halted error
	var calls sync.WaitGroup
	calls.Go(func() {
		_, halted = client.Try(faults.Within(t, time.Minute), request("halted", "hot", time.Hour, release))
	})
	require.NoError(t, first.Reached(t.Context()))

	hold(t, other, 10, "cold", time.Hour, release)
	began := time.Now()
	var waited int
	faults.Answered(t, patience, func(ctx context.Context) (*stockholdv1.TryResponse, error) {
		answer, err := other.Try(ctx, request("other", "hot", time.Hour, release))
		if err != nil {
			waited++
		}
		return answer, err
	})
	t.Logf("the hot row was free after %s and %d calls in vain", time.Since(began).Round(time.Millisecond), waited)
	require.Positive(t, waited)

	require.NoError(t, first.Resume())
	calls.Wait()
	if halted != nil { // its session was gone before the COMMIT could be sent: nothing was done
		require.True(t, faults.Later(halted), "%v", halted)
	}
	faults.Answered(t, patience, func(ctx context.Context) (*stockholdv1.TryResponse, error) {
		return client.Try(ctx, request("halted", "hot", time.Hour, release))
	})
	require.Equal(t, [3]int64{2, 2, 0}, stock(t, other, "hot"))
	_, err := faults.Persist(t.Context(), patience, func(ctx context.Context) (*stockholdv1.TryResponse, error) {
		return other.Try(ctx, request("third", "hot", time.Hour, release))
	})
	require.Equal(t, stockholdv1.Reason_REASON_INSUFFICIENT_STOCK, faults.Refusal(err).GetReason())
	clean(t, site)
}

// A shop has two servers, and one of them is halted inside a batch of many calls.
// The shop goes on with the other within seconds; the halted one, when it goes on,
// repeats what it must, and in the end the books agree.
func TestServerIsHaltedUnderLoad(t *testing.T) {
	site := faults.NewSite(t, faults.SiteOptions{})
	first, client := faults.StartServer(t, site)
	_, other := faults.StartServer(t, site)
	shop := faults.NewShop(faults.ShopOptions{Seed: 41, Patience: time.Minute})
	site.Desk.Ask(shop.Answer)
	require.NoError(t, shop.Stock(t.Context(), client))
	shop.Use(client, other)
	ctx, closed := context.WithCancel(t.Context())
	var selling sync.WaitGroup
	selling.Go(func() { shop.Run(ctx) })
	defer selling.Wait()
	defer closed()
	sells(t, shop, 200)
	require.NoError(t, first.Arm("confirm.sent", "stop"))
	require.NoError(t, first.Reached(t.Context()))
	shop.Use(other) // as a load balancer does
	sells(t, shop, 200)
	require.NoError(t, first.Resume())
	shop.Use(client, other)
	sells(t, shop, 200)
	closed()
	selling.Wait()
	verdict, _, err := site.Judge(t.Context(), client, shop)
	require.NoError(t, err)
	require.Zero(t, verdict.Lost+int(verdict.Oversold))
	t.Logf("%+v, %+v", verdict, shop.Tally.Counts())
}

// sells waits until so many more of the shop's calls were answered OK.
func sells(t *testing.T, shop *faults.Shop, calls int64) {
	t.Helper()
	until := shop.Tally.Answered() + calls
	require.Eventually(t, func() bool { return shop.Tally.Answered() >= until }, patience, tick)
}
