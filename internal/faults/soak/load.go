package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
)

// load is a shop that opens anew every season, with goods that sell out anew. Each
// season keeps books of its own.
type load struct {
	seasons []*faults.Shop
	length  time.Duration // of a season
}

// season is how long one lasts: long enough to sell out, and short enough that
// there is always something to sell.
const season = 20 * time.Second

// newLoad makes as many seasons as fit, and puts all their goods on the shelf.
func newLoad(ctx context.Context, w *world, seed uint64, workers int, length time.Duration) (*load, error) {
	l := &load{length: season}
	clients := make([]*faults.Client, len(w.servers))
	for i, s := range w.servers {
		clients[i] = s.Client
	}
	for n := range int((length + season - 1) / season) {
		shop := faults.NewShop(faults.ShopOptions{Name: seasonName(n), Seed: seed + uint64(n), Workers: workers, Units: 150, Pace: 40 * ms})
		shop.Use(clients...)
		if err := shop.Stock(ctx, clients[0]); err != nil {
			return nil, fmt.Errorf("put goods on the shelf: %w", err)
		}
		l.seasons = append(l.seasons, shop)
	}
	w.site.Desk.Ask(l.answer)
	return l, nil
}

func seasonName(n int) string { return fmt.Sprintf("season%d", n) }

// answer answers check-backs from the books of the season that they are about.
func (l *load) answer(ctx context.Context, question *stockholdv1.Question) *stockholdv1.Decision {
	name, _, _ := strings.Cut(question.GetReservationId(), "-")
	for n, shop := range l.seasons {
		if name == seasonName(n) {
			return shop.Answer(ctx, question)
		}
	}
	return nil
}

// run sells, season after season, until ctx ends or they are over, and returns when
// every order that was begun came to its end.
func (l *load) run(ctx context.Context) {
	var all sync.WaitGroup
	for _, shop := range l.seasons {
		if ctx.Err() != nil {
			break
		}
		open, closed := context.WithTimeout(ctx, l.length)
		shop.Tally.Restart()
		all.Go(func() { shop.Run(open) })
		<-open.Done()
		closed()
	}
	all.Wait()
}

// heard is how many attempts were answered OK or finally.
func (l *load) heard() (n int64) {
	for _, shop := range l.seasons {
		n += shop.Tally.Heard()
	}
	return n
}

// counts are the figures of all seasons.
func (l *load) counts() faults.Counts {
	sum := faults.Counts{Calls: map[string]int64{}, OK: map[string]int64{}, Replays: map[string]int64{}, Refusals: map[string]int64{}, NoAnswer: map[string]int64{}}
	for _, shop := range l.seasons {
		c := shop.Tally.Counts()
		add(sum.Calls, c.Calls)
		add(sum.OK, c.OK)
		add(sum.Replays, c.Replays)
		add(sum.Refusals, c.Refusals)
		add(sum.NoAnswer, c.NoAnswer)
		sum.Lost += c.Lost
		sum.Slowest = max(sum.Slowest, c.Slowest)
	}
	return sum
}

func add(sum, more map[string]int64) {
	for name := range maps.Keys(more) {
		sum[name] += more[name]
	}
}

// verify holds the books of all seasons against stockhold's.
func (l *load) verify(ctx context.Context, client *faults.Client) (sum faults.Verdict, err error) {
	for n, shop := range l.seasons {
		v, failed := shop.Verify(ctx, client)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", seasonName(n), failed))
		}
		sum.Orders += v.Orders
		sum.Held += v.Held
		sum.Lost += v.Lost
		sum.Oversold += v.Oversold
		sum.Mismatches = append(sum.Mismatches, v.Mismatches...)
	}
	return sum, err
}

// silence measures how long nobody was answered.
type silence struct {
	Worst   time.Duration // whatever the reason
	BothUp  time.Duration // while no fault kept a store away
	began   time.Time
	beganUp time.Time
}

// listen measures until ctx ends: every 10 ms it sees whether anybody was answered.
func (s *silence) listen(ctx context.Context, heard func() int64, outages func() int64) {
	s.began, s.beganUp = time.Now(), time.Now()
	last := heard()
	for ctx.Err() == nil {
		pause(ctx, 10*ms)
		s.look(time.Now(), heard() != last, outages() == 0)
		last = heard()
	}
}

// look takes one look.
func (s *silence) look(now time.Time, answered, up bool) {
	s.Worst = max(s.Worst, now.Sub(s.began))
	if up {
		s.BothUp = max(s.BothUp, now.Sub(s.beganUp))
	}
	if answered {
		s.began = now
	}
	if answered || !up {
		s.beganUp = now
	}
}
