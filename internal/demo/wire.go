package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"github.com/cenkalti/backoff/v5"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
)

// The calls that are told apart.
const (
	callTry     = "Try"
	callConfirm = "Confirm"
	callCancel  = "Cancel"
	callFulfill = "Fulfill"
	callReturn  = "Return"
	callAdjust  = "AdjustStock"
	callRead    = "read"
)

// wire is a proper client of stockhold: it repeats what got no answer, with the
// same id, and tells answers from accidents.
type wire struct {
	reservations stockholdv1connect.ReservationServiceClient
	inventory    stockholdv1connect.InventoryServiceClient
	transport    *http.Transport
	patience     time.Duration
	tally        *tally
}

func newWire(url string, workers int, patience time.Duration, tally *tally) *wire {
	transport := &http.Transport{MaxIdleConnsPerHost: 2 * workers, IdleConnTimeout: time.Minute}
	client := &http.Client{Transport: transport}
	return &wire{
		reservations: stockholdv1connect.NewReservationServiceClient(client, url),
		inventory:    stockholdv1connect.NewInventoryServiceClient(client, url),
		transport:    transport, patience: patience, tally: tally,
	}
}

// message is one call, ready to be sent as often as need be.
type message struct {
	call string
	id   string
	send func(ctx context.Context) (replayed bool, err error)
}

// answer is what came of a message.
type answer struct {
	kind     kind
	reason   stockholdv1.Reason // when refused
	replayed bool
}

type kind uint8

const (
	accepted kind = iota + 1
	refused
	nothing // the message or its answer was lost
)

func (a answer) String() string {
	switch a.kind {
	case accepted:
		return "accepted"
	case refused:
		return "refused: " + a.reason.String()
	default:
		return "no answer"
	}
}

// callTimeout bounds one attempt.
const callTimeout = 10 * time.Second

// send delivers a message until there is an answer. The error says that there is
// none, however often it was sent.
func (w *wire) send(ctx context.Context, m message) (answer, error) {
	attempt := func() (answer, error) {
		w.tally.count(func() { w.tally.calls++ })
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		replayed, err := m.send(ctx)
		return answerOf(replayed, err)
	}
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 50*time.Millisecond, 2*time.Second
	a, err := backoff.Retry(ctx, attempt,
		backoff.WithBackOff(pause),
		backoff.WithMaxElapsedTime(w.patience),
		backoff.WithNotify(func(error, time.Duration) { w.tally.count(func() { w.tally.repeats++ }) }),
	)
	if err != nil {
		return answer{kind: nothing}, fmt.Errorf("%s of %s: %w", m.call, m.id, err)
	}
	w.tally.answered(m.call, a)
	return a, nil
}

// answerOf sorts an error: a refusal is an answer, what may pass is to be
// repeated, everything else is a defect.
func answerOf(replayed bool, err error) (answer, error) {
	if err == nil {
		return answer{kind: accepted, replayed: replayed}, nil
	}
	var status *connect.Error
	if !errors.As(err, &status) {
		return answer{}, backoff.Permanent(err)
	}
	return refusalOf(status.Code(), refusalIn(status), err)
}

func refusalOf(code connect.Code, refusal *stockholdv1.Refusal, err error) (answer, error) {
	switch refusal.GetReason() {
	case stockholdv1.Reason_REASON_UNAVAILABLE, stockholdv1.Reason_REASON_OVERLOADED, stockholdv1.Reason_REASON_DEADLINE_EXCEEDED:
		// The server says when to come back. Otherwise the pauses grow by themselves.
		if after := refusal.GetRetryAfter().AsDuration(); after > 0 {
			err = errors.Join(err, &backoff.RetryAfterError{Duration: after})
		}
		return answer{}, err
	case stockholdv1.Reason_REASON_INTERNAL:
		return answer{}, backoff.Permanent(err)
	case stockholdv1.Reason_REASON_UNSPECIFIED: // not stockhold's own words: the transport's
		if code == connect.CodeUnavailable || code == connect.CodeDeadlineExceeded {
			return answer{}, err
		}
		return answer{}, backoff.Permanent(err)
	}
	return answer{kind: refused, reason: refusal.GetReason()}, nil
}

// read makes a call that changes nothing, and returns what it answers. A refusal
// is an error.
func read[Q, A any](ctx context.Context, w *wire, id string, request *Q, rpc func(context.Context, *Q) (*A, error)) (*A, error) {
	var got *A
	a, err := w.send(ctx, message{call: callRead, id: id, send: func(ctx context.Context) (bool, error) {
		response, err := rpc(ctx, request)
		got = response
		return false, err
	}})
	if err == nil && a.kind != accepted {
		err = fmt.Errorf("read %s: %s", id, a)
	}
	return got, err
}

func refusalIn(err *connect.Error) *stockholdv1.Refusal {
	for _, detail := range err.Details() {
		value, err := detail.Value()
		if refusal, ok := value.(*stockholdv1.Refusal); err == nil && ok {
			return refusal
		}
	}
	return nil
}
