package sweeping

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/reservation"
)

// decided is what the owner of a hold decided: by the last digit of its id, half
// one way and half the other.
func decided(id string) reservation.State {
	if id[len(id)-1]&1 == 0 {
		return reservation.Confirmed
	}
	return reservation.Canceled
}

// desk is an order service that knows its decisions, on a port of its own.
type desk struct {
	server *http.Server
	url    string
	ended  chan error
}

func openDesk(ctx context.Context) (*desk, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for check-backs: %w", err)
	}
	d := &desk{url: "http://" + listener.Addr().String(), ended: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.Handle(stockholdv1connect.NewDecisionServiceHandler(d))
	d.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { d.ended <- d.server.Serve(listener) }()
	return d, nil
}

// Decide answers at once.
func (d *desk) Decide(_ context.Context, request *stockholdv1.DecideRequest) (*stockholdv1.DecideResponse, error) {
	response := &stockholdv1.DecideResponse{Decisions: make([]*stockholdv1.Decision, len(request.GetQuestions()))}
	for i, question := range request.GetQuestions() {
		verdict := stockholdv1.Verdict_VERDICT_ABORT
		if decided(question.GetReservationId()) == reservation.Confirmed {
			verdict = stockholdv1.Verdict_VERDICT_COMMIT
		}
		response.Decisions[i] = &stockholdv1.Decision{ReservationId: question.GetReservationId(), Verdict: verdict}
	}
	return response, nil
}

func (d *desk) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := d.server.Shutdown(ctx)
	if ended := <-d.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}
