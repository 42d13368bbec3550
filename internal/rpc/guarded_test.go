package rpc

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/access"
	"stockhold/reservation"
)

func (v *visitors) context(t *testing.T, name string) context.Context {
	return access.WithCaller(t.Context(), v.policy.Caller("jwt:"+name))
}

// A method that the domain gets, and that names an owner, must be guarded: until
// somebody has thought of it, this fails.
func TestEveryMethodOfTheDomainIsGuarded(t *testing.T) {
	guardedHere := map[string]bool{"Try": true, "Do": true, "Get": true, "List": true}
	ofNoOwner := map[string]bool{"Change": true, "GetStock": true, "ListStock": true, "Limits": true}
	service := reflect.TypeFor[Service]()
	for i := range service.NumMethod() {
		name := service.Method(i).Name
		require.True(t, guardedHere[name] || ofNoOwner[name], "%s: does it name an owner?", name)
	}
}

// Whatever a caller asks about another's reservation, the domain is not asked.
func TestOwnersAreKeptApart(t *testing.T) {
	v := newVisitors(t)
	d := &domain{answer: reservation.Answer{Reservation: &reservation.Reservation{State: reservation.Confirmed}}}
	g := &guarded{d}
	foreign := reservation.HoldID{Owner: "shop-b", ID: "order-1"}
	for name, ctx := range map[string]context.Context{
		"another's": v.context(t, "shop-a"),
		"nobody's":  t.Context(), // whoever forgot to ask who calls
	} {
		t.Run(name, func(t *testing.T) {
			d.asked, d.tries = nil, nil
			for _, call := range []reservation.Call{reservation.Confirm, reservation.ConfirmAny, reservation.Cancel, reservation.Extend, reservation.Fulfill, reservation.Return} {
				answer := g.Do(ctx, []reservation.Request{{ID: foreign, Call: call}})[0]
				requireNotThere(t, foreign, answer.Err)
			}
			_, err := g.Get(ctx, foreign)
			requireNotThere(t, foreign, err)
			require.ErrorIs(t, g.Try(ctx, []reservation.TryRequest{{ID: foreign}})[0].Err, access.ErrDenied)
			_, _, err = g.List(ctx, reservation.Filter{Owner: "shop-b"}, 0, 0)
			require.ErrorIs(t, err, access.ErrDenied)
			_, err = g.Get(ctx, reservation.HoldID{ID: "order-1"}) // the owner `default`
			requireNotThere(t, reservation.HoldID{Owner: "default", ID: "order-1"}, err)
			require.Empty(t, d.asked)
			require.Empty(t, d.tries)
		})
	}

	// In a batch each item is on its own.
	own := reservation.HoldID{Owner: "shop-a", ID: "order-1"}
	answers := g.Do(v.context(t, "shop-a"), []reservation.Request{{ID: foreign}, {ID: own}, {ID: foreign}})
	requireNotThere(t, foreign, answers[0].Err)
	require.NoError(t, answers[1].Err)
	requireNotThere(t, foreign, answers[2].Err)
	require.Len(t, d.asked, 1)
	require.Equal(t, own, d.asked[0].ID)

	_, err := g.Get(v.context(t, "people"), foreign)
	require.NoError(t, err, "an operator sees all")
	require.NoError(t, g.Try(v.context(t, "any-shop"), []reservation.TryRequest{{ID: foreign}})[0].Err)
	require.Error(t, g.Try(v.context(t, "people"), []reservation.TryRequest{{ID: foreign}})[0].Err)
}

func requireNotThere(t *testing.T, id reservation.HoldID, err error) {
	t.Helper()
	var refusal *reservation.Refusal
	require.True(t, errors.As(err, &refusal), "%v", err)
	require.Equal(t, &reservation.Refusal{Reason: reservation.NotFound, Message: "no reservation " + id.String()}, refusal)
}

// What a stranger puts into an id comes back short.
func TestLongIDsAreNotRepeated(t *testing.T) {
	v := newVisitors(t)
	g := &guarded{&domain{}}
	id := reservation.HoldID{Owner: strings.Repeat("o", 1<<20), ID: strings.Repeat("i", 1<<20)}
	_, err := g.Get(v.context(t, "shop-a"), id)
	require.Less(t, len(err.Error()), 300)
	require.Less(t, len(g.Try(v.context(t, "shop-a"), []reservation.TryRequest{{ID: id}})[0].Err.Error()), 300)
}
