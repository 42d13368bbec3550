package demo

import (
	"testing"

	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/orders"
)

func TestBooksFollowTheGoods(t *testing.T) {
	b := newBooks()
	b.adjust("mug", 10)
	lines := []orders.Line{{SKU: "mug", Quantity: 2}, {SKU: "mug", Quantity: 1}}
	for _, id := range []string{"sold", "shipped", "returned", "aborted", "open"} {
		b.open(id, lines)
	}
	b.commit("sold")
	b.commit("shipped")
	b.commit("returned")
	require.Equal(t, shelf{onHand: 10, committed: 9}, *b.shelves["mug"])
	b.ship("shipped")
	b.giveBack("returned")
	b.abort("aborted")
	require.Equal(t, shelf{onHand: 7, committed: 3}, *b.shelves["mug"])
	b.adjust("mug", -7)
	require.Equal(t, shelf{onHand: 0, committed: 3}, *b.shelves["mug"])

	require.Equal(t, map[word]int64{committed: 1, shipped: 1, returned: 1, aborted: 1, undecided: 1}, b.words())
	for id, kept := range map[string]bool{"sold": true, "open": true, "shipped": false, "returned": false, "aborted": false} {
		require.Equal(t, kept, b.orders[id].lines != nil, "lines of %s", id)
	}
}

func TestBooksNeverTakeAWordBack(t *testing.T) {
	b := newBooks()
	b.open("1", nil)
	b.abort("1")
	for name, again := range map[string]func(){
		"commit":       func() { b.commit("1") },
		"abort again":  func() { b.abort("1") },
		"ship":         func() { b.ship("1") },
		"ship unknown": func() { b.ship("2") },
	} {
		require.Panics(t, again, name)
	}
}

func TestDeciderAnswersFromTheBooks(t *testing.T) {
	b := newBooks()
	for _, id := range []string{"open", "aborted", "committed", "returned"} {
		b.open(id, nil)
	}
	b.abort("aborted")
	b.commit("committed")
	b.commit("returned")
	b.giveBack("returned")
	tally := newTally()
	d := &decider{owner: "shop", books: b, tally: tally}

	request := &stockholdv1.DecideRequest{Owner: "shop"}
	want := map[string]stockholdv1.Verdict{
		"open": stockholdv1.Verdict_VERDICT_PENDING, "aborted": stockholdv1.Verdict_VERDICT_ABORT,
		"committed": stockholdv1.Verdict_VERDICT_COMMIT, "returned": stockholdv1.Verdict_VERDICT_COMMIT,
		"never heard of": stockholdv1.Verdict_VERDICT_UNKNOWN,
	}
	for id := range want {
		request.Questions = append(request.Questions, &stockholdv1.Question{ReservationId: id})
	}
	answer, err := d.Decide(t.Context(), request)
	require.NoError(t, err)
	got := map[string]stockholdv1.Verdict{}
	for _, decision := range answer.GetDecisions() {
		got[decision.GetReservationId()] = decision.GetVerdict()
		if decision.GetVerdict() == stockholdv1.Verdict_VERDICT_PENDING {
			require.Equal(t, askAgain, decision.GetRetryAfter().AsDuration())
		}
	}
	require.Equal(t, want, got)
	require.EqualValues(t, 2, tally.questions[stockholdv1.Verdict_VERDICT_COMMIT])

	_, err = d.Decide(t.Context(), &stockholdv1.DecideRequest{Owner: "another"})
	require.ErrorContains(t, err, `owner "another" is not served here`)
}
