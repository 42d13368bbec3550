package demo

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// post is a message whose deliveries are counted; only the first changes anything.
func post() (m message, sent *atomic.Int64) {
	sent = new(atomic.Int64)
	return message{call: callConfirm, id: "1", send: func(context.Context) (bool, error) { return sent.Add(1) > 1, nil }}, sent
}

func carrier() *courier { return &courier{wire: &wire{patience: time.Minute, tally: newTally()}} }

func TestCourierLosesAndDoubles(t *testing.T) {
	for name, tt := range map[string]struct {
		delivery     delivery
		shop         kind // what the shop sees
		before, sent int64
		replays      int64
	}{
		"nothing happens":                  {delivery{}, accepted, 1, 1, 0},
		"the request is lost":              {delivery{loss: requestLost}, nothing, 0, 0, 0},
		"the answer is lost":               {delivery{loss: answerLost}, nothing, 1, 1, 0},
		"twice later":                      {delivery{copies: twiceLater}, accepted, 1, 2, 1},
		"twice at once":                    {delivery{copies: twiceAtOnce}, accepted, 0, 2, 1},
		"twice, and both answers are lost": {delivery{loss: answerLost, copies: twiceLater}, nothing, 1, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := carrier()
			m, sent := post()
			a, err := c.deliver(t.Context(), m, tt.delivery)
			require.NoError(t, err)
			require.Equal(t, tt.shop, a.kind)
			if tt.delivery.copies != twiceAtOnce {
				require.Equal(t, tt.before, sent.Load())
			}
			require.NoError(t, c.finish(t.Context()))
			require.NoError(t, c.finish(t.Context()))
			require.Equal(t, tt.sent, sent.Load(), "copies are delivered once")
			require.Equal(t, tt.replays, c.wire.tally.replays[callConfirm])
		})
	}
}

func TestCourierInsists(t *testing.T) {
	for _, loss := range []loss{arrives, requestLost, answerLost} {
		c := carrier()
		m, sent := post()
		a, err := c.insist(t.Context(), m, delivery{loss: loss})
		require.NoError(t, err)
		require.Equal(t, accepted, a.kind)
		require.Equal(t, loss == answerLost, a.replayed)
		require.Positive(t, sent.Load())
	}
}

func TestCourierTellsOfTroubleWithACopy(t *testing.T) {
	c := carrier()
	broken := connect.NewError(connect.CodeInternal, errors.New("broken"))
	var sent atomic.Int64
	m := message{call: callTry, id: "1", send: func(context.Context) (bool, error) {
		if sent.Add(1) > 1 {
			return false, broken
		}
		return false, nil
	}}
	_, err := c.deliver(t.Context(), m, delivery{copies: twiceLater})
	require.NoError(t, err)
	require.ErrorIs(t, c.finish(t.Context()), broken)
}

func refusal(code connect.Code, refusal *stockholdv1.Refusal) error {
	err := connect.NewError(code, errors.New("no"))
	if refusal != nil {
		detail, _ := connect.NewErrorDetail(refusal)
		err.AddDetail(detail)
	}
	return err
}

func TestWireTellsAnswersFromAccidents(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		sent int64
		want answer
		says string
	}{
		"refused": {refusal(connect.CodeFailedPrecondition, &stockholdv1.Refusal{Reason: stockholdv1.Reason_REASON_INSUFFICIENT_STOCK}),
			1, answer{kind: refused, reason: stockholdv1.Reason_REASON_INSUFFICIENT_STOCK}, ""},
		"a store is away": {refusal(connect.CodeUnavailable, &stockholdv1.Refusal{Reason: stockholdv1.Reason_REASON_UNAVAILABLE, RetryAfter: durationpb.New(time.Millisecond)}),
			3, answer{kind: accepted, replayed: true}, ""},
		"nobody is there": {refusal(connect.CodeUnavailable, nil), 3, answer{kind: accepted, replayed: true}, ""},
		"a defect":        {refusal(connect.CodeInternal, &stockholdv1.Refusal{Reason: stockholdv1.Reason_REASON_INTERNAL}), 1, answer{}, "Confirm of 1: internal: no"},
		"not understood":  {refusal(connect.CodeUnimplemented, nil), 1, answer{}, "Confirm of 1: unimplemented: no"},
		"no such thing":   {errors.New("what?"), 1, answer{}, "Confirm of 1: what?"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &wire{patience: time.Minute, tally: newTally()}
			var sent int64
			a, err := w.send(t.Context(), message{call: callConfirm, id: "1", send: func(context.Context) (bool, error) {
				if sent++; sent < 3 {
					return false, tt.err
				}
				return true, nil
			}})
			require.Equal(t, tt.sent, sent)
			if tt.says != "" {
				require.ErrorContains(t, err, tt.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, a)
			require.Equal(t, tt.sent-1, w.tally.repeats)
		})
	}
}
