package demo

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/orders"
)

func rehearsed(t *testing.T, options Options, mix orders.MixOptions) (*survey, *rehearsal, int) {
	t.Helper()
	s, err := options.survey(t.Context(), orders.NewMix(mix))
	require.NoError(t, err)
	scarce := s.scarce(options.Short)
	r, err := options.rehearse(t.Context(), orders.NewMix(mix), s, scarce)
	require.NoError(t, err)
	return s, r, scarce
}

// Whatever the seed and the share, the rehearsal ends about where it should.
func TestOpeningStockLetsTheStatedShareRunShort(t *testing.T) {
	for _, short := range []Share{0.02, 0.05, 0.3} {
		for seed := range uint64(2) {
			options := Defaults()
			options.Short, options.Seed = short, seed
			s, r, _ := rehearsed(t, options, orders.MixOptions{Sales: 1000, Seed: seed})
			want := int(float64(short) * float64(s.sales))
			refused := r.refused(r.part(want))
			require.InDelta(t, want, refused, max(6, float64(want)/10), "%s of %d, seed %d", short, s.sales, seed)
		}
	}
}

func TestOpeningStockIsEnoughWhereNothingShouldRunShort(t *testing.T) {
	options := Defaults()
	options.Short = 0
	mix := orders.MixOptions{Sales: 500}
	s, r, scarce := rehearsed(t, options, mix)
	require.Zero(t, scarce)
	require.Empty(t, r.moves)

	left := s.opening(scarce, r.part(0), options.Seed)
	require.NoError(t, each(t.Context(), orders.NewMix(mix), func(event orders.Event) {
		for _, line := range event.Lines {
			if event.Kind != orders.Cancellation { // nothing needs to come back for that
				left[line.SKU] -= line.Quantity
				require.GreaterOrEqual(t, left[line.SKU], int64(0))
			}
		}
	}))
}

func TestRehearsalRefusesWholeOrders(t *testing.T) {
	r := &rehearsal{sold: []int64{10, 10}, moves: []move{
		{kind: orders.Sale, keeps: true, lines: []moved{{0, 4}, {0, 4}}},
		{kind: orders.Sale, keeps: true, lines: []moved{{1, 1}, {0, 3}}}, // 2 are left of the one
		{kind: orders.Sale, keeps: false, lines: []moved{{1, 10}}},       // not paid: all are still there
		{kind: orders.Sale, keeps: true, lines: []moved{{1, 10}}},
		{kind: orders.WriteOff, lines: []moved{{0, 1}}},
		{kind: orders.Cancellation, lines: []moved{{0, 8}}},
		{kind: orders.Sale, keeps: true, lines: []moved{{0, 9}}},
		{kind: orders.Sale, keeps: true, lines: []moved{{0, 1}}},
	}}
	require.Equal(t, 2, r.refused(1))
	require.Equal(t, 5, r.refused(0))
}
