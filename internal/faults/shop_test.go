//go:build faults

package faults_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/faults"
)

func TestMain(m *testing.M) { faults.Main(m, faults.BuildOptions{}) }

// Without any fault, a shop on two servers comes to rest and its books agree: so
// what differs in the other tests is the fault's doing.
func TestShopInFairWeather(t *testing.T) {
	site := faults.NewSite(t, faults.SiteOptions{})
	site.Patient()
	_, first := faults.StartServer(t, site)
	_, second := faults.StartServer(t, site)
	shop := faults.NewShop(faults.ShopOptions{Seed: 1, Attempt: 30 * time.Second})
	site.Desk.Ask(shop.Answer)
	require.NoError(t, shop.Stock(t.Context(), first))
	shop.Use(first, second)
	shop.Serve(t.Context(), 1000)

	verdict, took, err := site.Judge(t.Context(), first, shop)
	require.NoError(t, err)
	require.Equal(t, 1000, verdict.Orders)
	require.Zero(t, verdict.Lost+int(verdict.Oversold))
	counts := shop.Tally.Counts()
	require.Empty(t, counts.NoAnswer)
	require.Positive(t, counts.Replays["Try"], "calls that were sent twice")
	require.Positive(t, counts.Refusals["REASON_INSUFFICIENT_STOCK"])
	require.Positive(t, site.Desk.Asked(), "about Confirms that were lost")
	t.Logf("at rest after %s: %+v, %+v", took, verdict, counts)
}
