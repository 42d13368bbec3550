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

// BenchmarkFreeze compares what shared round trips bring: 128 callers freeze one
// unit each, on a row of their own choice out of 100.
func BenchmarkFreeze(b *testing.B) {
	g := openGate(b, testservers.Redis(b).URL())
	g.Freeze(b.Context(), []Hold{{HoldID{"o", "x"}, []Line{{Key{"default", "zz"}, 1}}}})
	un, err := g.client.AutoPipelineWithOptions(&redis.AutoPipelineOptions{MaxConcurrentBatches: 4, Unordered: true})
	require.NoError(b, err)
	ways := map[string]func(ctx context.Context, hold Hold) error{
		"shared": func(ctx context.Context, hold Hold) error { return g.Freeze(ctx, []Hold{hold})[0].Err },
		"own": func(ctx context.Context, hold Hold) error {
			ctx, c := context.WithTimeout(ctx, g.timeout)
			defer c()
			cmd := g.freezeCall(hold).byDigest()
			return g.client.Process(ctx, cmd)
		},
		"convoy": func(ctx context.Context, hold Hold) error {
			ctx, c := context.WithTimeout(ctx, g.timeout)
			defer c()
			cmd := g.freezeCall(hold).byDigest()
			if err := g.convoy.send(ctx, []*redis.Cmd{cmd}, 3); err != nil {
				return err
			}
			return cmd.Err()
		},
		"block": func(ctx context.Context, hold Hold) error {
			cmd := g.freezeCall(hold).byDigest()
			return un.Process(ctx, cmd)
		},
	}
	for _, name := range []string{"own", "shared", "convoy", "block"} {
		for _, par := range []int{1, 64} {
			b.Run(fmt.Sprint(name, par*2), func(b *testing.B) {
				ctx := b.Context()
				require.NoError(b, g.Wipe(ctx))
				var views []View
				for i := range 100 {
					views = append(views, View{Key: Key{"default", strconv.Itoa(i)}, Quota: 1e12, Version: 1})
				}
				require.NoError(b, g.Settle(ctx, views, nil))
				var n atomic.Int64
				b.SetParallelism(par)
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						i := n.Add(1)
						h := Hold{HoldID{"o" + strconv.Itoa(b.N), strconv.FormatInt(i, 10)}, []Line{{Key{"default", strconv.Itoa(int(i % 100))}, 1}}}
						if err := ways[name](ctx, h); err != nil {
							b.Error(err)
							return
						}
					}
				})
				b.StopTimer()
				require.Equal(b, n.Load(), g.client.ZCard(ctx, g.keys.pending()).Val())
			})
		}
	}
}

var _ redis.Cmder

func openGate(t testing.TB, url string) *Gate {
	g, err := Open(url, Options{Prefix: testservers.Prefix(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	return g
}
