package limits

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"stockhold/internal/bench/stage"
)

// The keys of one stock row and of the holds, in the form of the gate's.
const (
	keyStart    = "{limits} "
	pendingKey  = keyStart + "pending"
	rowKey      = keyStart + "row default hot"
	holdStart   = keyStart + "hold default "
	connections = 50
	inFlight    = 16 // calls on each connection
)

// Freeze runs the gate's own freeze script, one line on one row, n times with as
// many different holds, and counts the holds that are frozen afterwards.
func Freeze(ctx context.Context, s *stage.Stage, n int) (result Result, err error) {
	root, err := stage.Root(ctx)
	if err != nil {
		return result, err
	}
	source, err := os.ReadFile(filepath.Join(root, "inventory", "lua", "freeze.lua"))
	if err != nil {
		return result, fmt.Errorf("read the freeze script: %w", err)
	}
	client := s.Redis()
	defer func() { err = errors.Join(err, client.FlushDB(context.WithoutCancel(ctx)).Err(), client.Close()) }()
	if err := client.HSet(ctx, rowKey, "q", int64(1e12), "v", 1, "p", 0).Err(); err != nil {
		return result, fmt.Errorf("make a stock row: %w", err)
	}
	sha, err := client.ScriptLoad(ctx, string(source)).Result()
	if err != nil {
		return result, fmt.Errorf("load the freeze script: %w", err)
	}
	took, tool, err := freeze(ctx, client, s.RedisAddr(), sha, n)
	if err != nil {
		return result, err
	}
	frozen, err := client.ZCard(ctx, pendingKey).Result()
	if err != nil {
		return result, fmt.Errorf("count the holds: %w", err)
	}
	units, err := client.HGet(ctx, rowKey, "p").Int64()
	if err != nil {
		return result, fmt.Errorf("count the units: %w", err)
	}
	if units != frozen || float64(frozen) < 0.99*float64(n) {
		return result, fmt.Errorf("%d freezes left %d holds and %d units", n, frozen, units)
	}
	return Result{
		Name:      "redis-evalsha-freeze",
		About:     fmt.Sprintf("the gate's freeze script by %s, %d connections with %d calls in flight each", tool, connections, inFlight),
		PerSecond: float64(frozen) / took.Seconds(), Rows: frozen,
	}, nil
}

// freeze makes the calls with redis-benchmark, or by itself where that is missing.
func freeze(ctx context.Context, client *redis.Client, addr, sha string, n int) (time.Duration, string, error) {
	path, err := exec.LookPath("redis-benchmark")
	if err != nil {
		took, err := pipelined(ctx, client, sha, n)
		return took, "an own pipelined loop", err
	}
	took, err := redisBenchmark(ctx, path, addr, sha, n)
	return took, "redis-benchmark", err
}

func redisBenchmark(ctx context.Context, path, addr, sha string, n int) (time.Duration, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, fmt.Errorf("the address of Redis: %w", err)
	}
	out, err := exec.CommandContext(ctx, path, "-h", host, "-p", port, "-n", strconv.Itoa(n),
		"-c", strconv.Itoa(connections), "-P", strconv.Itoa(inFlight), "-r", "2000000000", "--csv",
		"EVALSHA", sha, "3", pendingKey, holdStart+"__rand_int__", rowKey, "1").Output()
	if err != nil {
		return 0, fmt.Errorf("redis-benchmark: %w\n%s", err, out)
	}
	rows, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
	if err != nil || len(rows) != 2 || len(rows[1]) < 2 {
		return 0, fmt.Errorf("redis-benchmark printed %q: want a row of figures (%w)", out, err)
	}
	rate, err := strconv.ParseFloat(rows[1][1], 64)
	if err != nil || rate <= 0 {
		return 0, fmt.Errorf("redis-benchmark printed %q calls a second", rows[1][1])
	}
	return time.Duration(float64(n) / rate * float64(time.Second)), nil
}

func pipelined(ctx context.Context, client *redis.Client, sha string, n int) (time.Duration, error) {
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for range connections {
		group.Go(func() error {
			for {
				first := next.Add(inFlight) - inFlight
				if first >= int64(n) {
					return nil
				}
				_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
					for i := first; i < min(first+inFlight, int64(n)); i++ {
						p.EvalSha(ctx, sha, []string{pendingKey, holdStart + strconv.FormatInt(i, 10), rowKey}, 1)
					}
					return nil
				})
				if err != nil {
					return fmt.Errorf("freeze: %w", err)
				}
			}
		})
	}
	err := group.Wait()
	return time.Since(began), err
}
