package inventory

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

// BenchmarkTry is the gate's part of a Try of one line, from 2 and from 256
// goroutines on 2 cores: each freezes a hold and leaves it to one settler, which
// tells the gate of all that came since it last did, with a view of each row.
// Besides the time it reports what each Try costs the two processes in processor
// time: Redis's, and this one's, the benchmark's own work being part of it.
func BenchmarkTry(b *testing.B) {
	for _, goroutinesPerCore := range []int{1, 128} {
		for _, rows := range []int{1, 10_000} {
			b.Run(fmt.Sprintf("goroutines=%d/rows=%d", 2*goroutinesPerCore, rows), func(b *testing.B) {
				benchmarkTry(b, goroutinesPerCore, rows)
			})
		}
	}
}

func benchmarkTry(b *testing.B, goroutinesPerCore, rows int) {
	g := openGateWith(b, testservers.Redis(b).URL(), patience)
	ctx := b.Context()
	holds := make(map[HoldID]struct{})
	views := make(map[Key]View)
	var all []View
	keys := make([]Key, rows)
	for i := range rows {
		keys[i] = key(fmt.Sprintf("sku-%06d", i))
		all = append(all, View{Key: keys[i], Quota: 1e12, Version: 1})
	}
	require.NoError(b, g.Settle(ctx, all, nil))

	var mu sync.Mutex
	wake := make(chan struct{}, 1)
	var version atomic.Int64
	settled := make(chan struct{})
	go func() {
		defer close(settled)
		for range wake {
			mu.Lock()
			someHolds, someViews := make([]HoldID, 0, len(holds)), make([]View, 0, len(views))
			for h := range holds {
				someHolds = append(someHolds, h)
			}
			for _, v := range views {
				someViews = append(someViews, v)
			}
			clear(holds)
			clear(views)
			mu.Unlock()
			if err := g.Settle(ctx, someViews, someHolds); err != nil {
				b.Error(err)
			}
		}
	}()

	var count atomic.Int64
	b.SetParallelism(goroutinesPerCore)
	b.ReportAllocs()
	redisBefore, ownBefore := redisTime(b, g.client), ownTime(b)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := count.Add(1)
			k := keys[i*7919%int64(rows)]
			h := Hold{HoldID: id(strconv.FormatInt(i, 10)), Lines: []Line{{Key: k, Quantity: 1}}}
			if f := g.Freeze(ctx, []Hold{h})[0]; f.Outcome != Frozen {
				b.Errorf("%s: %v", f.Outcome, f.Err)
				return
			}
			v := View{Key: k, Quota: 1e12, Version: 1 + version.Add(1)}
			mu.Lock()
			holds[h.HoldID] = struct{}{}
			views[k] = v
			mu.Unlock()
			select {
			case wake <- struct{}{}:
			default:
			}
		}
	})
	close(wake)
	<-settled
	b.StopTimer()
	b.ReportMetric(float64((redisTime(b, g.client)-redisBefore).Nanoseconds())/float64(b.N)/1000, "redis-µs/op")
	b.ReportMetric(float64((ownTime(b)-ownBefore).Nanoseconds())/float64(b.N)/1000, "own-µs/op")
	require.Equal(b, int64(b.N), count.Load())
	pending, err := g.client.ZCard(ctx, g.keys.pending()).Result()
	require.NoError(b, err)
	require.Zero(b, pending)
}

// redisTime is the processor time that Redis has used.
func redisTime(b *testing.B, client redis.UniversalClient) (used time.Duration) {
	info, err := client.Info(context.Background(), "cpu").Result()
	require.NoError(b, err)
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_user" || name == "used_cpu_sys" {
			seconds, err := strconv.ParseFloat(value, 64)
			require.NoError(b, err)
			used += time.Duration(seconds * float64(time.Second))
		}
	}
	return used
}

// ownTime is the processor time that this process has used.
func ownTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
