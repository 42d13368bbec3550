//go:build faults

package drills_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
)

// counter is a shop's old way: one figure a sku, which an order lowers.
type counter struct {
	mu     sync.Mutex
	left   map[string]int64
	orders int
}

func oldCounter(skus int) *counter {
	c := &counter{left: map[string]int64{}}
	for n := range skus {
		c.left[fmt.Sprintf("article-%02d", n)] = int64(50 + n)
	}
	return c
}

// export writes what every such shop can: what can be sold of each sku.
func (c *counter) export(d *drill) {
	d.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	text := "sku,location_id,on_hand\n"
	for sku, left := range c.left {
		text += fmt.Sprintf("%s,default,%d\n", sku, left)
	}
	require.NoError(d, os.WriteFile(filepath.Join(d.folder, "shop.csv"), []byte(text), 0o600))
}

// take is an order of the old way: it decides.
func (c *counter) take(sku string, units int64) (id string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left[sku] < units {
		return "", false
	}
	c.left[sku] -= units
	c.orders++
	return fmt.Sprintf("order-%d", c.orders), true
}

// shadow sends an order that the old way accepted to stockhold too.
func shadow(ctx context.Context, client *faults.Client, id, sku string, units int64) error {
	_, err := client.Try(ctx, &stockholdv1.TryRequest{ReservationId: id, Owner: owner,
		Lines: []*stockholdv1.Line{{Sku: sku, Quantity: int32(units)}}})
	if err == nil {
		_, err = client.Confirm(ctx, &stockholdv1.ConfirmRequest{ReservationId: id, Owner: owner})
	}
	return err
}

// sell serves so many orders by the old way and in the shadow, from several
// callers; those that forget do not tell stockhold.
func (c *counter) sell(t *testing.T, client *faults.Client, orders int, forget func(n int) bool) {
	var callers sync.WaitGroup
	for caller := range 4 {
		callers.Go(func() {
			random := rand.New(rand.NewPCG(75, uint64(caller)))
			for n := range orders / 4 {
				sku, units := fmt.Sprintf("article-%02d", random.IntN(len(c.left))), 1+random.Int64N(3)
				id, ok := c.take(sku, units)
				if !ok || forget(n) {
					continue
				}
				if err := shadow(t.Context(), client, id, sku, units); err != nil {
					t.Errorf("%s in the shadow: %v", id, err)
				}
			}
		})
	}
	callers.Wait()
}

// A shop with a counter of its own moves in: its stock is imported, both get its
// orders and are compared, what differs is found, and after a last import stockhold
// decides.
func TestMovingAShopIn(t *testing.T) {
	d := newDrill(t, faults.SiteOptions{})
	_, client := d.usual()
	never := func(int) bool { return false }
	shop := oldCounter(30)
	shop.export(d)
	d.do("movein-import")

	shop.sell(t, client, 120, never)
	shop.export(d)
	require.Contains(t, d.do("movein-compare"), "no differences")

	// Some way of selling was forgotten, and does not tell stockhold.
	shop.sell(t, client, 80, func(n int) bool { return n%5 == 0 })
	shop.export(d)
	differences := d.do("movein-compare")
	require.NotContains(t, differences, "no differences")
	require.Contains(t, differences, "article-")

	// It was found. Orders stop for a moment, and the figures that hold are imported.
	shop.export(d)
	d.do("movein-switch")
	require.Contains(t, d.do("movein-compare"), "no differences")
	d.do("over")

	// From here stockhold decides, and what it sells is what the counter had.
	for sku, left := range shop.left {
		if left > 0 {
			require.NoError(t, shadow(t.Context(), client, "last-"+sku, sku, left))
		}
		err := shadow(t.Context(), client, "more-"+sku, sku, 1)
		require.Equal(t, stockholdv1.Reason_REASON_INSUFFICIENT_STOCK, faults.Refusal(err).GetReason(), "%s: %v", sku, err)
	}
	require.NotContains(t, strings.ToLower(d.do("over")), "contradict")
}
