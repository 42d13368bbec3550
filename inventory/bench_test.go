package inventory

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

// BenchmarkFreeze freezes one unit of one of a hundred rows per call, from 2 and
// from 128 goroutines on 2 cores: each call in a round trip of its own, in a
// convoy, and in go-redis's AutoPipeline with as many flights. The first three
// are the bare command; "gate" is the whole of Gate.Freeze.
func BenchmarkFreeze(b *testing.B) {
	g := openGateWith(b, testservers.Redis(b).URL(), defaultTimeout)
	ctx := b.Context()
	require.Equal(b, NotLoaded, g.Freeze(ctx, []Hold{hold("load", line("script", 1))})[0].Outcome)
	auto, err := g.client.AutoPipelineWithOptions(
		&redis.AutoPipelineOptions{MaxConcurrentBatches: flightsAtOnce, Unordered: true})
	require.NoError(b, err)

	bounded := func(send func(context.Context, *redis.Cmd) error) func(Hold) error {
		return func(h Hold) error {
			ctx, cancel := context.WithTimeout(ctx, g.timeout)
			defer cancel()
			return send(ctx, g.freezeCall(h).byDigest())
		}
	}
	ways := []struct {
		name   string
		freeze func(Hold) error
	}{
		{"alone", bounded(func(ctx context.Context, cmd *redis.Cmd) error { return g.client.Process(ctx, cmd) })},
		{"autopipeline", bounded(func(ctx context.Context, cmd *redis.Cmd) error { return auto.Process(ctx, cmd) })},
		{"convoy", bounded(func(ctx context.Context, cmd *redis.Cmd) error {
			if err := g.convoy.send(ctx, []*redis.Cmd{cmd}, 1); err != nil {
				return err
			}
			return cmd.Err()
		})},
		{"gate", func(h Hold) error { return g.Freeze(ctx, []Hold{h})[0].Err }},
	}
	for _, way := range ways {
		for _, goroutinesPerCore := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/%d", way.name, goroutinesPerCore), func(b *testing.B) {
				require.NoError(b, g.Wipe(ctx))
				var views []View
				for i := range 100 {
					views = append(views, view(strconv.Itoa(i), 1e12, 1))
				}
				require.NoError(b, g.Settle(ctx, views, nil))
				var count atomic.Int64
				b.SetParallelism(goroutinesPerCore)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						i := count.Add(1)
						h := hold(strconv.FormatInt(i, 10), line(strconv.FormatInt(i%100, 10), 1))
						if err := way.freeze(h); err != nil {
							b.Error(err)
							return
						}
					}
				})
				b.StopTimer()
				// A benchmark that froze nothing would be fast, too.
				pending, err := g.client.ZCard(ctx, g.keys.pending()).Result()
				require.NoError(b, err)
				require.Equal(b, count.Load(), pending)
			})
		}
	}
}
