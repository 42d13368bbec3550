package sweeper_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/reservation"
	"stockhold/sweeper/decider"
)

type orderService struct{}

func (orderService) Decide(_ context.Context, r *stockholdv1.DecideRequest) (*stockholdv1.DecideResponse, error) {
	answer := &stockholdv1.DecideResponse{}
	for _, q := range r.GetQuestions() {
		answer.Decisions = append(answer.Decisions, &stockholdv1.Decision{ReservationId: q.GetReservationId(), Verdict: stockholdv1.Verdict_VERDICT_COMMIT})
	}
	return answer, nil
}

// From the due hold over the wire to the order service and back, first while a
// broken proxy stands in front of it.
func TestHealingOverTheWire(t *testing.T) {
	onEachStore(t, func(t *testing.T, r *real) {
		var broken atomic.Bool
		broken.Store(true)
		_, handler := stockholdv1connect.NewDecisionServiceHandler(orderService{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
			if broken.Load() {
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, "<html>COMMIT</html>")
				return
			}
			handler.ServeHTTP(w, request)
		}))
		t.Cleanup(server.Close)
		client, err := decider.New(server.URL, decider.Options{})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, client.Close()) })
		r.stocked("A", 10)
		r.overdue(orders("1"), reservation.AskOwner, "A", 3)

		require.Equal(t, 1, r.sweep(asks(client), calm()).Unknown)
		require.Equal(t, reservation.Reserved, r.state(orders("1")))

		broken.Store(false)
		r.due(orders("1"))
		require.Equal(t, 1, r.sweep(asks(client), calm()).Confirmed)
		require.Equal(t, reservation.Confirmed, r.state(orders("1")))
	})
}
