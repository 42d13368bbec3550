package demo

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFateIsTheSameForTheSameSeed(t *testing.T) {
	options := Defaults()
	other := Defaults()
	other.Seed++
	differ := 0
	for i := range 1000 {
		invoice := fmt.Sprint(i)
		require.Equal(t, options.fateOf(invoice), options.fateOf(invoice))
		if options.fateOf(invoice) != other.fateOf(invoice) {
			differ++
		}
	}
	require.Positive(t, differ)
}

func TestFateKeepsToTheShares(t *testing.T) {
	options := Defaults()
	options.Unpaid, options.Lose, options.Twice, options.Late = 0.1, 0.2, 0.3, 0.4
	const n = 20_000
	var unpaid, lost, dropped, twice, late float64
	seen := map[story]bool{}
	for i := range n {
		f := options.fateOf(fmt.Sprintf("%06d", i))
		require.NotEqual(t, requestLost, f.try.loss, "a Try that is never sent is no order")
		seen[f.story] = true
		if !f.paid {
			unpaid++
		}
		if f.story != plainStory {
			late++
			require.Equal(t, delivery{}, f.end)
			continue
		}
		if f.end.loss == requestLost {
			lost++
			require.Equal(t, once, f.end.copies, "what is not sent is not sent twice")
		}
		if f.try.loss == answerLost {
			dropped++
		}
		if f.try.copies != once {
			twice++
		}
	}
	plain := n - late
	require.InDelta(t, 0.1, unpaid/n, 0.01)
	require.InDelta(t, 0.4, late/n, 0.01)
	require.InDelta(t, 0.2, lost/plain, 0.01)
	require.InDelta(t, 0.1, dropped/plain, 0.01)
	require.InDelta(t, 0.3, twice/plain, 0.01)
	require.Len(t, seen, int(stories), "every story is told")
}

func TestNothingHappensWhereNothingIsAsked(t *testing.T) {
	options := Options{Seed: 1}
	for i := range 1000 {
		f := options.fateOf(fmt.Sprint(i))
		f.again = false
		require.Equal(t, fate{paid: true}, f)
	}
}

func TestShareReadsPercentAndParts(t *testing.T) {
	for text, want := range map[string]Share{"10%": 0.1, "0.1": 0.1, " 2.5 % ": 0.025, "0": 0, "100%": 1, "1": 1} {
		var share Share
		require.NoError(t, share.UnmarshalText([]byte(text)), text)
		require.InDelta(t, float64(want), float64(share), 1e-12, text)
	}
	for _, text := range []string{"", "ten", "-1%", "101%", "1.1", "NaN", "%"} {
		var share Share
		require.ErrorContains(t, share.UnmarshalText([]byte(text)), "want a share of 0% to 100%", text)
	}
	require.Equal(t, "2.5%", Share(0.025).String())
}
