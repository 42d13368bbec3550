//go:build faults

package crash

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/faults"
)

const (
	processes = 3
	stormy    = 20 * time.Second // at least, and until enough has happened
	stormiest = 3 * time.Minute
	enough    = 8 // kinds of death
)

// storm kills processes, at points and at moments drawn from a seed.
type storm struct {
	site  *faults.Site
	shop  *faults.Shop
	mu    sync.Mutex
	slots [processes]*server
	kills map[string]int // by point; "" is any moment
}

// TestCrashStorm runs a shop's load over three processes that are killed with -9,
// again and again, at random points and at random moments, and started anew.
func TestCrashStorm(t *testing.T) {
	t.Logf("-seed %d", *seed)
	site, err := openSite(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, site.Close())
		require.NoError(t, site.Failed(), "who dies here was killed")
	})
	shop := faults.NewShop(faults.ShopOptions{Seed: *seed, TTL: 500 * time.Millisecond})
	site.Desk.Ask(shop.Answer)
	s := &storm{site: site, shop: shop, kills: map[string]int{}}
	for slot := range processes {
		require.NoError(t, s.start(t.Context(), slot))
	}
	t.Cleanup(func() {
		for _, server := range s.slots {
			require.NoError(t, server.end())
		}
	})
	require.NoError(t, shop.Stock(t.Context(), s.slots[0].client))

	ctx, calm := context.WithTimeout(t.Context(), stormiest)
	defer calm()
	var parts sync.WaitGroup
	parts.Go(func() {
		s.watch(ctx)
		calm()
	})
	failed := make([]error, processes)
	for slot := range processes {
		random := rand.New(rand.NewPCG(*seed, uint64(slot)))
		parts.Go(func() { failed[slot] = s.rage(ctx, t.Context(), slot, random) })
	}
	parts.Go(func() { shop.Run(ctx) })
	parts.Wait()
	for _, err := range failed {
		require.NoError(t, err)
	}

	verdict, took, err := site.Judge(t.Context(), s.slots[0].client, shop)
	require.NoError(t, err)
	require.Zero(t, verdict.Lost+int(verdict.Oversold))
	require.Positive(t, verdict.Held)
	t.Logf("at rest after %s: %+v; killed: %v; %+v", took, verdict, s.kills, shop.Tally.Counts())
	require.GreaterOrEqual(t, len(s.kills), enough, "too few points were reached for a storm")
	require.Positive(t, s.kills[""], "nobody was killed at any moment")
}

// watch returns when the storm has lasted long enough, and killed in enough ways.
func (s *storm) watch(ctx context.Context) {
	raged := time.After(stormy)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for over := false; ; {
		select {
		case <-raged:
			over = true
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		all := len(s.kills) >= enough && s.kills[""] > 0
		s.mu.Unlock()
		if over && all {
			return
		}
	}
}

// start starts a process in a slot, and tells the shop.
func (s *storm) start(ctx context.Context, slot int) error {
	process, err := s.site.Serve(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slots[slot] = &server{process, faults.NewClient(process.URL())}
	var clients []*faults.Client
	for _, server := range s.slots {
		if server != nil {
			clients = append(clients, server.client)
		}
	}
	s.shop.Use(clients...)
	return nil
}

// rage kills and starts the process of a slot until the storm is over, and leaves
// one that lives.
func (s *storm) rage(storm, life context.Context, slot int, random *rand.Rand) error {
	for {
		server := s.slots[slot]
		point, over := "", false
		if at := points[random.IntN(len(points))]; at.step != "asked" && random.IntN(4) > 0 {
			point = at.armed()
		}
		lifetime := 200*time.Millisecond + time.Duration(random.Int64N(int64(time.Second)))
		if point != "" {
			pause := time.Duration(random.IntN(30)) * time.Millisecond // in which an answer given too early would leave
			if err := server.Arm(point, "kill "+pause.String()); err != nil {
				return err
			}
			lifetime += time.Second // some points are only reached by and by
		}
		select {
		case <-server.Ended():
		case <-time.After(lifetime):
			point = ""
		case <-storm.Done():
			if err := server.Disarm(); err != nil {
				return err
			}
			over = true
		}
		if err := server.end(); err != nil {
			return err
		}
		if !over {
			s.mu.Lock()
			s.kills[point]++
			s.mu.Unlock()
		}
		if err := s.start(life, slot); err != nil {
			return err
		}
		if storm.Err() != nil {
			return nil
		}
	}
}
