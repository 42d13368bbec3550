package peers

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/leaktest"
	"stockhold/internal/rpc"
	"stockhold/internal/testservers"
	"stockhold/inventory"
	"stockhold/reservation"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// keepers are the peers that keep something.
func keepers() []Peer { return All()[1:] }

func open(t *testing.T, p Peer, stock ...Stock) rpc.Service {
	stores := Stores{DSN: testservers.Database(t), Redis: testservers.Redis(t).URL(), Prefix: testservers.Prefix(t)}
	require.NoError(t, p.Prepare(t.Context(), stores, stock))
	service, closer, err := p.open(t.Context(), stores)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, closer.Close()) })
	return service
}

func request(id string, lines ...reservation.Line) reservation.TryRequest {
	return reservation.TryRequest{ID: reservation.HoldID{ID: id}, Lines: lines}
}

func line(sku string, quantity int64) reservation.Line {
	return reservation.Line{Key: inventory.Key{SKU: sku}, Quantity: quantity}
}

// A peer that oversold, or refused what is there, would be fast for nothing.
func TestPeersSellWhatThereIs(t *testing.T) {
	const units, callers = 40, 100
	for _, p := range keepers() {
		t.Run(p.Name, func(t *testing.T) {
			service := open(t, p, Stock{"mug", units}, Stock{"cup", 1000})
			var accepted, refused atomic.Int64
			var calling sync.WaitGroup
			for i := range callers {
				calling.Go(func() {
					for try := range 5 { // with a row per unit, what others hold for a moment looks sold
						answer := service.Try(t.Context(), []reservation.TryRequest{request(fmt.Sprintf("o-%d", i), line("mug", 1), line("cup", 2))})[0]
						if answer.Err == nil {
							accepted.Add(1)
							return
						}
						if !isShort(answer.Err) {
							t.Errorf("%v", answer.Err)
							return
						}
						if !p.Units || try == 4 {
							refused.Add(1)
							return
						}
					}
				})
			}
			calling.Wait()
			require.EqualValues(t, callers, accepted.Load()+refused.Load())
			require.LessOrEqual(t, accepted.Load(), int64(units))
			if !p.Units {
				require.EqualValues(t, units, accepted.Load())
			}
		})
	}
}

func isShort(err error) bool {
	var refusal *reservation.Refusal
	return errors.As(err, &refusal) && refusal.Reason == reservation.InsufficientStock && len(refusal.Shortages) > 0
}

func TestPeersReplayAndConfirm(t *testing.T) {
	for _, p := range keepers() {
		t.Run(p.Name, func(t *testing.T) {
			service := open(t, p, Stock{"mug", 5})
			try := func(id string, quantity int64) reservation.Answer {
				return service.Try(t.Context(), []reservation.TryRequest{request(id, line("mug", quantity))})[0]
			}
			confirm := func(id string) reservation.Answer {
				return service.Do(t.Context(), []reservation.Request{{ID: reservation.HoldID{ID: id}, Call: reservation.Confirm}})[0]
			}
			first := try("o-1", 3)
			require.NoError(t, first.Err)
			require.False(t, first.Replayed)
			again := try("o-1", 2) // as many as are left
			require.NoError(t, again.Err)
			require.True(t, again.Replayed)
			require.NoError(t, try("o-2", 2).Err, "the repeated Try took nothing")
			require.True(t, isShort(try("o-3", 1).Err))

			taken := confirm("o-1")
			require.NoError(t, taken.Err)
			require.Equal(t, reservation.Confirmed, taken.Reservation.State)
			require.False(t, taken.Replayed)
			require.True(t, confirm("o-1").Replayed)
			var refusal *reservation.Refusal
			require.ErrorAs(t, confirm("o-9").Err, &refusal)
			require.Equal(t, reservation.NotFound, refusal.Reason)
			require.True(t, isShort(try("o-3", 1).Err), "what is taken stays taken")
		})
	}
}

func TestPeersServeNothingElse(t *testing.T) {
	for _, p := range All() {
		service := open(t, p, Stock{"mug", 1})
		require.ErrorIs(t, service.Do(t.Context(), []reservation.Request{{Call: reservation.Cancel}})[0].Err, errNotServed)
		require.ErrorIs(t, service.Change(t.Context(), make([]inventory.Change, 2))[1].Err, errNotServed)
	}
}
