package faults

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
)

// Desk is where stockhold's sweepers ask what became of the orders. Who answers
// can be changed while it is open; while nobody does, every question is UNKNOWN.
type Desk struct {
	listener net.Listener
	server   *http.Server
	ended    chan error
	asked    atomic.Int64
	mu       sync.Mutex
	answer   Answer
}

// Answer says what an owner decided about one reservation.
type Answer func(ctx context.Context, question *stockholdv1.Question) *stockholdv1.Decision

func openDesk(ctx context.Context) (*Desk, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for check-backs: %w", err)
	}
	d := &Desk{listener: listener, ended: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.Handle(stockholdv1connect.NewDecisionServiceHandler(d))
	d.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { d.ended <- d.server.Serve(listener) }()
	return d, nil
}

// Addr is where it listens, host:port.
func (d *Desk) Addr() string { return d.listener.Addr().String() }

// Asked is how many questions came so far.
func (d *Desk) Asked() int64 { return d.asked.Load() }

// Ask sets who answers from now on.
func (d *Desk) Ask(answer Answer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer = answer
}

// Decide implements DecisionService.
func (d *Desk) Decide(ctx context.Context, request *stockholdv1.DecideRequest) (*stockholdv1.DecideResponse, error) {
	d.mu.Lock()
	answer := d.answer
	d.mu.Unlock()
	response := &stockholdv1.DecideResponse{}
	for _, question := range request.GetQuestions() {
		d.asked.Add(1)
		if answer == nil {
			continue
		}
		if decision := answer(ctx, question); decision != nil {
			decision.ReservationId = question.GetReservationId()
			response.Decisions = append(response.Decisions, decision)
		}
	}
	return response, nil
}

// Close closes all connections.
func (d *Desk) Close() error {
	err := d.server.Close()
	if ended := <-d.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}
