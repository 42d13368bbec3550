package rpc

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/quota"
	"stockhold/inventory"
	"stockhold/reservation"
)

// brakes is a service that lets owners hold 10 units, and call 3 times.
func brakes(d Service, held int64, known ...inventory.HoldID) (*metered, *heldBooks) {
	b := &heldBooks{known: known}
	return &metered{
		Service: d, rates: quota.NewRates(), holdings: quota.NewHoldings(b, slog.New(slog.DiscardHandler)),
		limit: func(string) quota.Owner { return quota.Owner{Held: held} },
	}, b
}

type heldBooks struct {
	held  int64
	known []inventory.HoldID
	err   error
}

func (b *heldBooks) Held(context.Context, string) (int64, error) { return b.held, nil }
func (b *heldBooks) Known(context.Context, []inventory.HoldID) ([]inventory.HoldID, error) {
	return b.known, b.err
}

func tryOf(id string, units int64) reservation.TryRequest {
	return reservation.TryRequest{
		ID: reservation.HoldID{Owner: "shop-a", ID: id}, Lines: []reservation.Line{{Quantity: units - 1}, {Quantity: 1}},
	}
}

// An owner holds no more than it may, whatever becomes of its Trys.
func TestOwnersHoldNoMoreThanTheyMay(t *testing.T) {
	held := reservation.Answer{Reservation: &reservation.Reservation{State: reservation.Reserved}}
	d := &domain{answer: held}
	m, _ := brakes(d, 10)
	one := func(id string, units int64) error {
		return m.Try(t.Context(), []reservation.TryRequest{tryOf(id, units)})[0].Err
	}
	require.NoError(t, one("1", 6))
	err := one("2", 5)
	var refusal *reservation.Refusal
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, reservation.Overloaded, refusal.Reason)
	require.Positive(t, refusal.RetryAfter)
	require.Len(t, d.tries, 1, "what is refused was not begun")

	d.answer = reservation.Answer{Err: &reservation.Refusal{Reason: reservation.InsufficientStock}}
	for range 5 {
		require.ErrorAs(t, one("3", 4), &refusal)
		require.Equal(t, reservation.InsufficientStock, refusal.Reason)
	}
	d.answer = reservation.Answer{Replayed: true, Reservation: held.Reservation}
	require.NoError(t, one("1", 4))
	d.answer = held
	require.NoError(t, one("4", 4), "neither what was refused nor what was replayed counts")
	require.Error(t, one("5", 2))

	// Confirmed units are not held any more.
	d.answer = reservation.Answer{Reservation: &reservation.Reservation{State: reservation.Confirmed, Lines: tryOf("1", 6).Lines}}
	m.Do(t.Context(), []reservation.Request{{ID: tryOf("1", 6).ID, Call: reservation.Confirm}})
	d.answer = reservation.Answer{Err: reservation.ErrInDoubt}
	require.ErrorIs(t, one("6", 6), reservation.ErrInDoubt)
	require.ErrorAs(t, one("7", 2), &refusal, "what may have happened counts")
}

// The items of a batch see each other, and each is on its own.
func TestItemsOfABatchCountTogether(t *testing.T) {
	d := &domain{answer: reservation.Answer{Reservation: &reservation.Reservation{State: reservation.Reserved}}}
	m, _ := brakes(d, 10)
	answers := m.Try(t.Context(), []reservation.TryRequest{tryOf("1", 6), tryOf("2", 6), tryOf("3", 4), tryOf("4", 2)})
	require.NoError(t, answers[0].Err)
	require.Error(t, answers[1].Err)
	require.NoError(t, answers[2].Err)
	require.Error(t, answers[3].Err)
}

// Who repeats a call that succeeded gets its answer, however much is held by now.
func TestRepeatsAreNotRefusedForWhatIsHeld(t *testing.T) {
	replay := reservation.Answer{Replayed: true, Reservation: &reservation.Reservation{State: reservation.Reserved}}
	d := &domain{answer: replay}
	m, b := brakes(d, 10, inventory.HoldID{Owner: "shop-a", ID: "mine"})
	b.held = 1000
	for range 3 {
		answers := m.Try(t.Context(), []reservation.TryRequest{tryOf("mine", 6), tryOf("new", 2)})
		require.Equal(t, replay, answers[0])
		require.Error(t, answers[1].Err)
	}
	b.err = errors.New("gone")
	require.ErrorIs(t, m.Try(t.Context(), []reservation.TryRequest{tryOf("mine", 6)})[0].Err, reservation.ErrUnavailable,
		"nobody can tell whether it is a repeat")
}

// A handler that panics leaves no claim behind, but what may be held.
func TestClaimsEndWithPanics(t *testing.T) {
	d := &domain{panics: "boom"}
	m, _ := brakes(d, 10)
	require.Panics(t, func() { m.Try(t.Context(), []reservation.TryRequest{tryOf("1", 6)}) })
	d.panics = nil
	require.Error(t, m.Try(t.Context(), []reservation.TryRequest{tryOf("2", 6)})[0].Err)
	d.answer = reservation.Answer{Reservation: &reservation.Reservation{}}
	require.NoError(t, m.Try(t.Context(), []reservation.TryRequest{tryOf("3", 4)})[0].Err)
}

// Every call in an owner's name counts, each item of a batch being one; others'
// calls do not.
func TestOwnersCallNoMoreOftenThanTheyMay(t *testing.T) {
	d := &domain{answer: reservation.Answer{Reservation: &reservation.Reservation{}}}
	m, _ := brakes(d, 0)
	m.limit = func(string) quota.Owner { return quota.Owner{Rate: quota.Rate{PerSecond: 0.001, Burst: 5}} }
	id := tryOf("1", 2).ID
	answers := m.Try(t.Context(), []reservation.TryRequest{tryOf("1", 2), tryOf("2", 2)})
	require.NoError(t, answers[1].Err)
	require.NoError(t, m.Do(t.Context(), []reservation.Request{{ID: id}})[0].Err)
	_, err := m.Get(t.Context(), id)
	require.NoError(t, err)
	_, _, err = m.List(t.Context(), reservation.Filter{Owner: "shop-a"}, 0, 0)
	require.NoError(t, err)

	var refusal *reservation.Refusal
	require.ErrorAs(t, m.Try(t.Context(), []reservation.TryRequest{tryOf("3", 2)})[0].Err, &refusal)
	require.Equal(t, reservation.Overloaded, refusal.Reason)
	require.Positive(t, refusal.RetryAfter)
	require.LessOrEqual(t, refusal.RetryAfter, 2*time.Minute)
	_, err = m.Get(t.Context(), id)
	require.ErrorAs(t, err, &refusal)
	_, err = m.Get(t.Context(), reservation.HoldID{ID: "1"})
	require.NoError(t, err, "the owner default is another one")

	// Names that cannot be are the domain's to refuse, and are not remembered.
	for range 100 {
		_, err = m.Get(t.Context(), reservation.HoldID{Owner: strings.Repeat("x", 1000), ID: "1"})
		require.NoError(t, err)
	}
}
