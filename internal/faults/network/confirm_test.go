//go:build faults

package network_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
)

// The lost Confirm itself, and the lost Cancel. When only the reply was lost, the
// caller's repeat is a replay. When the request was lost, the hold stays held past
// its expiry until the sweeper has asked the owner; then it is as the owner
// decided, and the caller's late repeat is a replay, too.
func TestConfirmOrCancelLost(t *testing.T) {
	t.Parallel()
	site := faults.NewSite(t, faults.SiteOptions{})
	server, direct := faults.StartServer(t, site)
	toServer := proxyTo(t, server.URL()[len("http://"):])
	caller := http1Client(toServer.Addr())
	t.Cleanup(caller.Close)

	for _, lost := range []struct {
		name    string
		path    string
		verdict stockholdv1.Verdict
		state   stockholdv1.State
		call    func(ctx context.Context, id string) (replayed bool, err error)
	}{
		{"Confirm", "/Confirm", stockholdv1.Verdict_VERDICT_COMMIT, stockholdv1.State_STATE_CONFIRMED,
			func(ctx context.Context, id string) (bool, error) {
				answer, err := caller.Confirm(ctx, &stockholdv1.ConfirmRequest{ReservationId: id, Owner: faults.Owner})
				return answer.GetReplayed(), err
			}},
		{"Cancel", "/Cancel", stockholdv1.Verdict_VERDICT_ABORT, stockholdv1.State_STATE_CANCELED,
			func(ctx context.Context, id string) (bool, error) {
				answer, err := caller.Cancel(ctx, &stockholdv1.CancelRequest{ReservationId: id, Owner: faults.Owner})
				return answer.GetReplayed(), err
			}},
	} {
		want := func(units int64) (reserved, committed int64) {
			if lost.state == stockholdv1.State_STATE_CONFIRMED {
				return 0, units
			}
			return 0, 0
		}
		t.Run("the reply of a "+lost.name, func(t *testing.T) {
			id, sku := "reply-"+lost.name, "reply-"+lost.name
			hold(t, direct, id, sku, time.Hour)
			require.NoError(t, toServer.LoseReplies(1, []byte(lost.path)))
			_, err := lost.call(faults.Within(t, recovery), id)
			require.Error(t, err)
			require.Nil(t, faults.Refusal(err), "nobody answered that: %v", err)

			replayed, err := lost.call(faults.Within(t, recovery), id)
			require.NoError(t, err)
			require.True(t, replayed)
			reserved, committed := want(held)
			requireStock(t, direct, sku, reserved, committed)
		})
		t.Run("a "+lost.name, func(t *testing.T) {
			id, sku := "lost-"+lost.name, "lost-"+lost.name
			told := make(chan struct{}) // until then the owner has not decided
			site.Desk.Ask(func(context.Context, *stockholdv1.Question) *stockholdv1.Decision {
				select {
				case <-told:
					return &stockholdv1.Decision{Verdict: lost.verdict}
				default:
					return &stockholdv1.Decision{Verdict: stockholdv1.Verdict_VERDICT_PENDING, RetryAfter: durationpb.New(time.Second)}
				}
			})
			hold(t, direct, id, sku, time.Second)
			require.NoError(t, toServer.BlackHole())
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := lost.call(ctx, id)
			require.ErrorIs(t, ctx.Err(), context.DeadlineExceeded)
			require.Nil(t, faults.Refusal(err))
			require.NoError(t, toServer.Heal())

			asked := site.Desk.Asked()
			require.Eventually(t, func() bool { return site.Desk.Asked() > asked+1 }, recovery, 10*time.Millisecond)
			require.Equal(t, stockholdv1.State_STATE_RESERVED, get(t, direct, faults.Owner, id).GetState(), "past its expiry")
			close(told)
			faults.Eventually(t, func() bool { return get(t, direct, faults.Owner, id).GetState() == lost.state }, recovery, 10*time.Millisecond)
			require.Equal(t, stockholdv1.ResolvedBy_RESOLVED_BY_CHECK_BACK, get(t, direct, faults.Owner, id).GetResolvedBy())
			replayed, err := lost.call(faults.Within(t, recovery), id)
			require.NoError(t, err)
			require.True(t, replayed)
			reserved, committed := want(held)
			requireStock(t, direct, sku, reserved, committed)
		})
	}
	requireRest(t, site, direct)
}

// held is how many units hold holds, of shelf.
const held, shelf = 3, 10

// hold makes a stock row and holds some of it.
func hold(t *testing.T, client *faults.Client, id, sku string, ttl time.Duration) {
	t.Helper()
	require.NoError(t, client.SetStock(t.Context(), sku, shelf))
	faults.Answered(t, recovery, func(ctx context.Context) (*stockholdv1.TryResponse, error) {
		return client.Try(ctx, tryOf(faults.Owner, id, sku, ttl))
	})
}

func tryOf(owner, id, sku string, ttl time.Duration) *stockholdv1.TryRequest {
	return &stockholdv1.TryRequest{ReservationId: id, Owner: owner, Ttl: durationpb.New(ttl),
		Lines: []*stockholdv1.Line{{Sku: sku, Quantity: held}}}
}

func get(t *testing.T, client *faults.Client, owner, id string) *stockholdv1.Reservation {
	t.Helper()
	return faults.Answered(t, recovery, func(ctx context.Context) (*stockholdv1.GetReservationResponse, error) {
		return client.GetReservation(ctx, &stockholdv1.GetReservationRequest{ReservationId: id, Owner: owner})
	}).GetReservation()
}

// requireStock is requireRow for a row that nothing was taken off.
func requireStock(t *testing.T, client *faults.Client, sku string, reserved, committed int64) {
	t.Helper()
	requireRow(t, client, sku, shelf, reserved, committed)
}

func requireRow(t *testing.T, client *faults.Client, sku string, onHand, reserved, committed int64) {
	t.Helper()
	row := faults.Answered(t, recovery, func(ctx context.Context) (*stockholdv1.GetStockResponse, error) {
		return client.Stock.GetStock(ctx, &stockholdv1.GetStockRequest{Sku: sku})
	}).GetStock()
	require.Equal(t, [3]int64{onHand, reserved, committed}, [3]int64{row.GetOnHand(), row.GetReserved(), row.GetCommitted()},
		"on hand, reserved and committed of %s", sku)
}

// requireRest sees a site at rest, its ledger and gate in order.
func requireRest(t *testing.T, site *faults.Site, client *faults.Client) {
	t.Helper()
	_, err := site.Rest(t.Context(), client)
	require.NoError(t, err)
	requireNothingPending(t, site)
}
