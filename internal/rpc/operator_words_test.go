package rpc

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/operator"
	"stockhold/reservation"
)

// listening is a desk that keeps the last word that it heard.
type listening struct {
	Operator
	heard operator.Word
}

func (l *listening) Resolve(_ context.Context, word operator.Word) (*reservation.Reservation, bool, error) {
	l.heard = word
	return &reservation.Reservation{State: reservation.Confirmed}, false, nil
}

// The desk hears whose word it is, so that its log says so in the same line.
func TestWordsAreTheirSpeakers(t *testing.T) {
	v, desk := newVisitors(t), &listening{}
	request := &stockholdv1.ResolveRequest{ReservationId: "order-1", Resolution: stockholdv1.Resolution_RESOLUTION_CONFIRM, Reason: "paid"}
	_, err := (&operators{desk}).Resolve(v.context(t, "shop-a"), request)
	require.NoError(t, err)
	require.Equal(t, operator.Word{ID: reservation.HoldID{ID: "order-1"}, Confirm: true, Reason: "paid", By: "shop-a"}, desk.heard)
	_, err = (&operators{desk}).Resolve(t.Context(), request)
	require.NoError(t, err)
	require.Empty(t, desk.heard.By, "where nobody is asked who calls")
}
