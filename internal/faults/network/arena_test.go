//go:build faults

package network_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
)

// An arena is a site with two servers in which the faults of one pair follow
// each other, each with a shop of its own.
type arena struct {
	*faults.Site
	servers []*faults.Process
	clients []*faults.Client // past every proxy

	mu    sync.Mutex
	shops []*faults.Shop // of all cells so far
}

func openArena(t *testing.T) *arena {
	t.Helper()
	a := &arena{Site: faults.NewSite(t, faults.SiteOptions{})}
	a.Desk.Ask(a.answer)
	for range 2 {
		server, client := faults.StartServer(t, a.Site)
		a.servers, a.clients = append(a.servers, server), append(a.clients, client)
	}
	return a
}

// answer asks the shop whose order it is, of whichever cell: one that failed leaves
// holds that are still to be decided, or no later cell would come to rest.
func (a *arena) answer(ctx context.Context, question *stockholdv1.Question) *stockholdv1.Decision {
	a.mu.Lock()
	shops := slices.Clone(a.shops)
	a.mu.Unlock()
	for _, shop := range shops {
		if decision := shop.Answer(ctx, question); decision.GetVerdict() != stockholdv1.Verdict_VERDICT_UNKNOWN {
			return decision
		}
	}
	return nil
}

// A cell is one fault of one pair.
type cell struct {
	*arena
	fault  fault
	hops   []hop
	shop   *faults.Shop
	before faults.Counts // when the fault began
	during faults.Counts // when it was healed
}

// open makes a shop for a fault, with goods on its shelf.
func (a *arena) open(t *testing.T, f fault, options faults.ShopOptions, hops ...hop) *cell {
	t.Helper()
	options.Name, options.Seed = f.slug(), uint64(len(f.name))
	options.Workers, options.Pace = 6, 150*time.Millisecond
	options.Ample, options.Scarce, options.Units = 3, 2, 60
	options.Patience = time.Minute // every call gets its answer in the end
	c := &cell{arena: a, fault: f, hops: hops, shop: faults.NewShop(options)}
	c.shop.Use(a.clients...)
	a.mu.Lock()
	a.shops = append(a.shops, c.shop)
	a.mu.Unlock()
	require.NoError(t, c.shop.Stock(t.Context(), a.clients[0]))
	return c
}

// endure lets the shop sell: in fair weather, through the fault, and after it,
// which must go well by itself. What a test has to see of the time of the fault,
// it looks for in meanwhile, which is called until it has seen enough, and what it
// has to say of the time after it in healed, while the shop still sells.
func (c *cell) endure(t *testing.T, meanwhile func() (enough bool), healed func()) {
	t.Helper()
	ctx, close := context.WithCancel(t.Context())
	var selling sync.WaitGroup
	selling.Go(func() { c.shop.Run(ctx) })
	t.Cleanup(func() {
		close()
		selling.Wait()
	})
	t.Cleanup(func() { heal(t, c.hops...) }) // before the above: calls need an end

	c.requireSales(t, "in fair weather")
	c.before = c.shop.Tally.Counts()
	lost := c.lost()
	c.fault.hold(t, lasting, func() bool {
		c.during = c.shop.Tally.Counts()
		felt := !c.fault.again || c.lost() > lost // replies, if that is what it is about
		return meanwhile() && felt
	}, c.hops...)
	heal(t, c.hops...)
	c.requireSales(t, "after the fault, and nothing was restarted")
	healed()
	close()
	selling.Wait()
	c.judge(t)
}

// requireSales waits until some calls more are answered.
func (c *cell) requireSales(t *testing.T, when string) {
	t.Helper()
	enough := c.shop.Tally.Answered() + fewOrders
	require.Eventually(t, func() bool { return c.shop.Tally.Answered() >= enough }, recovery, 10*time.Millisecond,
		"work must go on %s", when)
}

// lost is how many replies the hops have lost so far.
func (c *cell) lost() (n int) {
	for _, h := range c.hops {
		n += h.Lost()
	}
	return n
}

// answered is how many calls were answered OK while the fault lasted.
func (c *cell) answered() (n int64) {
	for call, ok := range c.during.OK {
		n += ok - c.before.OK[call]
	}
	return n
}

// judge sees the system at rest, with the shop's books and stockhold's alike, and
// nothing left pending in the gate.
func (c *cell) judge(t *testing.T) {
	t.Helper()
	verdict, took, err := c.Judge(t.Context(), c.clients[0], c.shop)
	counts := c.shop.Tally.Counts()
	t.Logf("at rest after %s: %+v; %+v", took.Round(time.Millisecond), verdict, counts)
	require.NoError(t, err)
	require.Zero(t, verdict.Lost+int(verdict.Oversold))
	requireNothingPending(t, c.Site)
}

// requireNothingPending waits until the gate holds units for nobody: what it froze
// was given back, by its call or by the sweeper.
func requireNothingPending(t *testing.T, site *faults.Site) {
	t.Helper()
	redis := site.Redis.Client()
	defer redis.Close()
	require.Eventually(t, func() bool {
		pending, err := redis.ZCard(t.Context(), "{stockhold} pending").Result()
		return err == nil && pending == 0
	}, recovery, 50*time.Millisecond, "holds stay pending in the gate")
}

// requireEnded sees that no call outlived its own deadline.
func (c *cell) requireEnded(t *testing.T, deadline time.Duration) {
	t.Helper()
	longest := c.shop.Tally.Counts().Longest
	require.LessOrEqual(t, longest, deadline+slack, "a call outlived its deadline of %s", deadline)
}

func metric(t *testing.T, server *faults.Process, series string) float64 {
	t.Helper()
	value, err := server.Metric(t.Context(), series)
	require.NoError(t, err)
	return value
}
