package rpc

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/conformance"
	"stockhold/reservation"
)

// busyDomain keeps its calls under way until they are let go.
type busyDomain struct {
	domain
	begun chan struct{}
	let   chan struct{}
}

func (d *busyDomain) Do(_ context.Context, requests []reservation.Request) []reservation.Answer {
	d.begun <- struct{}{}
	<-d.let
	return []reservation.Answer{{Reservation: &reservation.Reservation{State: reservation.Confirmed}}}
}

// While as many calls are under way as there may be, every further one is turned
// away typed, with a time to come back, and without being looked at; health is
// answered all the same; and once one has left, the next is let in.
func TestCallsBeyondTheMostAreTurnedAway(t *testing.T) {
	d := &busyDomain{begun: make(chan struct{}), let: make(chan struct{})}
	handler, err := Handler(d, Options{MaxCalls: 2})
	require.NoError(t, err)
	url := conformance.Serve(t, handler)
	clients := conformance.Clients(t, url)
	var under sync.WaitGroup
	for i := range 2 {
		under.Go(func() {
			_, err := clients[i].Reservations.Confirm(t.Context(), &stockholdv1.ConfirmRequest{ReservationId: "under-way"})
			require.NoError(t, err)
		})
		<-d.begun
	}
	for _, client := range clients {
		for _, body := range []string{"small", strings.Repeat("large", 100_000)} {
			_, err := client.Reservations.Confirm(t.Context(), &stockholdv1.ConfirmRequest{ReservationId: body})
			refusal := conformance.RefusalOf(t, err)
			require.Equal(t, stockholdv1.Reason_REASON_OVERLOADED, refusal.GetReason(), "%s: %v", client.Name, err)
			require.Positive(t, refusal.GetRetryAfter().AsDuration(), client.Name)
			require.Equal(t, refusal.GetRetryAfter().AsDuration(), retryInfo(t, err).GetRetryDelay().AsDuration(), client.Name)
		}
		_, err := client.Inventory.GetStock(t.Context(), &stockholdv1.GetStockRequest{Sku: "mug"})
		require.Equal(t, connect.CodeResourceExhausted, connect.CodeOf(err), "%s: both services share the room", client.Name)
	}
	again := map[time.Duration]bool{} // when to come back is spread
	for range 50 {
		_, err := clients[0].Reservations.Confirm(t.Context(), &stockholdv1.ConfirmRequest{ReservationId: "small"})
		again[conformance.RefusalOf(t, err).GetRetryAfter().AsDuration()] = true
	}
	require.Greater(t, len(again), 10)
	conn, err := grpc.NewClient(strings.TrimPrefix(url, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	_, err = healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
	require.NoError(t, err)

	close(d.let)
	under.Wait()
	for _, client := range clients {
		under.Go(func() { <-d.begun })
		_, err := client.Reservations.Confirm(t.Context(), &stockholdv1.ConfirmRequest{ReservationId: "next"})
		require.NoError(t, err)
		under.Wait()
	}
}

func retryInfo(t *testing.T, err error) *errdetails.RetryInfo {
	t.Helper()
	var status *connect.Error
	require.ErrorAs(t, err, &status)
	for _, detail := range status.Details() {
		if value, err := detail.Value(); err == nil {
			if info, ok := value.(*errdetails.RetryInfo); ok {
				return info
			}
		}
	}
	require.Fail(t, "no RetryInfo", "%v", err)
	return nil
}

// A handler that panics, or whose caller goes, gives its room back.
func TestRoomIsGivenBack(t *testing.T) {
	url := serve(t, &domain{panics: http.ErrAbortHandler}, Options{MaxCalls: 1})
	client := conformance.Clients(t, url)[1]
	for range 3 {
		_, err := client.Reservations.Confirm(t.Context(), &stockholdv1.ConfirmRequest{ReservationId: "any"})
		require.Error(t, err)
		require.NotEqual(t, connect.CodeResourceExhausted, connect.CodeOf(err), "%v", err)
	}
}
