package main_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
)

// decides is a decider that commits what it is asked about, and tells of it.
func decides(t *testing.T) (url string, asked *atomic.Int64) {
	asked = new(atomic.Int64)
	_, handler := stockholdv1connect.NewDecisionServiceHandler(decide(func(request *stockholdv1.DecideRequest) *stockholdv1.DecideResponse {
		response := &stockholdv1.DecideResponse{}
		for _, q := range request.GetQuestions() {
			asked.Add(1)
			response.Decisions = append(response.Decisions, &stockholdv1.Decision{ReservationId: q.GetReservationId(), Verdict: stockholdv1.Verdict_VERDICT_COMMIT})
		}
		return response
	}))
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL, asked
}

type decide func(*stockholdv1.DecideRequest) *stockholdv1.DecideResponse

func (d decide) Decide(_ context.Context, request *stockholdv1.DecideRequest) (*stockholdv1.DecideResponse, error) {
	return d(request), nil
}

// Deciders come, move and go without a restart, in a server that sweeps and in one
// that leaves it to a process of its own.
func TestReloadOfDeciders(t *testing.T) {
	const base = "limit-min-ttl: 1ms\nsweep-interval: 10ms\n"
	for _, alone := range []bool{true, false} {
		t.Run(fmt.Sprintf("alone=%t", alone), func(t *testing.T) {
			l := serveLive(t, base, fmt.Sprintf("--sweep=%t", alone))
			all := []*live{l}
			reservations, inventory := shops(t, l.url())
			if !alone {
				// By its own file, so that each process is told apart.
				file := configured(t, base)
				sweep := launch(t, setup{folder: l.cmd.Dir, args: []string{"sweep", "--config", file}})
				sweep.says("msg=sweeping")
				all = []*live{{process: sweep, t: t, file: file}, l} // who asks is told first
			}
			_, err := inventory.SetStock(t.Context(), &stockholdv1.SetStockRequest{Sku: "mug-0", OnHand: 1000})
			require.NoError(t, err)
			n := 0
			try := func() (string, error) {
				n++
				id := fmt.Sprintf("order-%d", n)
				_, err := reservations.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: id, Owner: "orders", OnExpiry: stockholdv1.OnExpiry_ON_EXPIRY_ASK,
					Ttl: durationpb.New(time.Millisecond), Lines: lines(1, 1)})
				return id, err
			}
			confirmed := func(id string) {
				require.Eventually(t, func() bool {
					answer, err := reservations.GetReservation(t.Context(), &stockholdv1.GetReservationRequest{ReservationId: id, Owner: "orders"})
					return err == nil && answer.GetReservation().GetState() == stockholdv1.State_STATE_CONFIRMED
				}, patience, 10*time.Millisecond)
			}
			reload := func(text, says string) {
				for _, one := range all {
					one.reload(base+text, says)
				}
			}
			_, err = try()
			require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err), "nobody can be asked")

			first, askedFirst := decides(t)
			reload("deciders:\n  orders: "+first+"\n", "deciders none -> orders="+first)
			id, err := try()
			require.NoError(t, err)
			confirmed(id)
			require.Positive(t, askedFirst.Load())

			second, askedSecond := decides(t)
			reload("deciders:\n  orders: "+second+"\n", "orders="+first+" -> orders="+second)
			before := askedFirst.Load()
			id, err = try()
			require.NoError(t, err)
			confirmed(id)
			require.Positive(t, askedSecond.Load())
			require.Equal(t, before, askedFirst.Load())

			reload("", "orders="+second+" -> none")
			_, err = try()
			require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err))
			for _, one := range all {
				one.signal(syscall.SIGTERM)
				require.Zero(t, one.wait())
			}
		})
	}
}
