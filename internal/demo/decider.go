package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
)

// decider answers check-backs out of the books: all that an order service has to
// do for its lost messages to heal.
type decider struct {
	owner string
	books *books
	tally *tally
}

// askAgain is when to come back about an order whose payment is under way.
const askAgain = time.Second

// Decide answers each question by what was decided, not by what would be handy:
// an order that is not known is not one that was aborted.
func (d *decider) Decide(_ context.Context, request *stockholdv1.DecideRequest) (*stockholdv1.DecideResponse, error) {
	if request.GetOwner() != d.owner {
		return nil, connect.NewError(connect.CodeNotFound, fmt.Errorf("owner %q is not served here", request.GetOwner()))
	}
	answer := &stockholdv1.DecideResponse{}
	for _, question := range request.GetQuestions() {
		decision := &stockholdv1.Decision{ReservationId: question.GetReservationId()}
		switch w, known := d.books.word(question.GetReservationId()); {
		case !known:
			decision.Verdict = stockholdv1.Verdict_VERDICT_UNKNOWN
		case w == undecided:
			decision.Verdict = stockholdv1.Verdict_VERDICT_PENDING
			decision.RetryAfter = durationpb.New(askAgain)
		case w == aborted:
			decision.Verdict = stockholdv1.Verdict_VERDICT_ABORT
		default:
			decision.Verdict = stockholdv1.Verdict_VERDICT_COMMIT
		}
		d.tally.asked(decision.GetVerdict())
		answer.Decisions = append(answer.Decisions, decision)
	}
	return answer, nil
}

// desk is the decider's own HTTP server on a port of the loopback.
type desk struct {
	server *http.Server
	url    string
	ended  chan error
}

func openDesk(ctx context.Context, d *decider) (*desk, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for check-backs: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle(stockholdv1connect.NewDecisionServiceHandler(d))
	s := &desk{
		server: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second},
		url:    "http://" + listener.Addr().String(),
		ended:  make(chan error, 1),
	}
	go func() { s.ended <- s.server.Serve(listener) }()
	return s, nil
}

// close answers what is under way, and ends.
func (s *desk) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if ended := <-s.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}
