package orders_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/orders"
)

func TestMixIsTheSameForTheSameSeed(t *testing.T) {
	options := orders.MixOptions{Sales: 300, Seed: 7}
	first := all(t, orders.NewMix(options))
	require.Equal(t, first, all(t, orders.NewMix(options)))
	options.Seed = 8
	require.NotEqual(t, first, all(t, orders.NewMix(options)))
}

func TestMixIsLikeAShop(t *testing.T) {
	events := all(t, orders.NewMix(orders.MixOptions{Sales: 3000, SKUs: 200, Seed: 1}))
	count := map[orders.Kind]int{}
	lines := map[string]int{}
	total := 0
	numbers := map[int]bool{}
	invoices := map[string]bool{}
	for i, event := range events {
		count[event.Kind]++
		require.False(t, invoices[event.Invoice], event.Invoice)
		invoices[event.Invoice] = true
		require.NotEmpty(t, event.Lines)
		require.Positive(t, event.Units())
		if i > 0 {
			require.False(t, event.At.Before(events[i-1].At))
		}
		for _, line := range event.Lines {
			require.False(t, numbers[line.Number])
			numbers[line.Number] = true
			require.Positive(t, line.Quantity)
			if event.Kind == orders.Sale {
				lines[line.SKU]++
				total++
			}
		}
	}
	require.Equal(t, 3000, count[orders.Sale])
	require.InDelta(t, 250, count[orders.Cancellation], 80)
	require.InDelta(t, 75, count[orders.WriteOff], 40)
	require.Greater(t, lines["item-0001"], total/50, "nothing sells best")
	require.Greater(t, lines["item-0001"], 5*lines["item-0100"], "all sell alike")
}

// Cancellations of a mix name goods that their customer ordered before.
func TestMixCancelsWhatWasSold(t *testing.T) {
	sold := map[[2]string]int64{}
	for _, event := range all(t, orders.NewMix(orders.MixOptions{Sales: 2000, Seed: 3})) {
		for _, line := range event.Lines {
			of := [2]string{event.Customer, line.SKU}
			switch event.Kind {
			case orders.Sale:
				sold[of] += line.Quantity
			case orders.Cancellation:
				sold[of] -= line.Quantity
				require.GreaterOrEqual(t, sold[of], int64(0), "%s gives back more %s than ordered", event.Customer, line.SKU)
			}
		}
	}
}

func TestLimitCountsSales(t *testing.T) {
	events := all(t, orders.Limit(orders.NewMix(orders.MixOptions{Sales: 100}), 10))
	sales := 0
	for _, event := range events {
		if event.Kind == orders.Sale {
			sales++
		}
	}
	require.Equal(t, 10, sales)
	require.Len(t, all(t, orders.Limit(orders.NewMix(orders.MixOptions{Sales: 5}), 10)), len(all(t, orders.NewMix(orders.MixOptions{Sales: 5}))))
	require.Len(t, all(t, orders.Limit(orders.NewMix(orders.MixOptions{Sales: 5}), 0)), len(all(t, orders.NewMix(orders.MixOptions{Sales: 5}))))

	end := orders.Limit(orders.NewMix(orders.MixOptions{Sales: 100}), 1)
	all(t, end)
	require.Empty(t, all(t, end), "an end must stay one")
}
