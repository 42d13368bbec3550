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
	holdsKey    = keyStart + "holds"
	rowKey      = keyStart + "row default hot"
	holdStart   = "default "
	holdsPerRun = 64 // of the script, as the gate asks for them when many callers are at it
	connections = 4
	inFlight    = 4 // runs on each connection
)

// Freeze freezes n different holds of one line on one row with the gate's own script,
// many in one run as the gate does it, and counts the holds that are frozen afterwards.
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
	runs := (n + holdsPerRun - 1) / holdsPerRun
	n = runs * holdsPerRun
	took, tool, err := freeze(ctx, client, s.RedisAddr(), sha, runs)
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
		About:     fmt.Sprintf("the gate's freeze script, %d holds in each run, by %s, %d connections with %d runs in flight each", holdsPerRun, tool, connections, inFlight),
		PerSecond: float64(frozen) / took.Seconds(), Rows: frozen,
	}, nil
}

// freeze runs the script with redis-benchmark, or by itself where that is missing.
func freeze(ctx context.Context, client *redis.Client, addr, sha string, runs int) (time.Duration, string, error) {
	path, err := exec.LookPath("redis-benchmark")
	if err != nil {
		took, err := pipelined(ctx, client, sha, runs)
		return took, "an own pipelined loop", err
	}
	took, err := redisBenchmark(ctx, path, addr, sha, runs)
	return took, "redis-benchmark", err
}

func redisBenchmark(ctx context.Context, path, addr, sha string, runs int) (time.Duration, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, fmt.Errorf("the address of Redis: %w", err)
	}
	args := []string{"-h", host, "-p", port, "-n", strconv.Itoa(runs),
		"-c", strconv.Itoa(connections), "-P", strconv.Itoa(inFlight), "-r", "2000000000", "--csv",
		"EVALSHA", sha, "3", pendingKey, holdsKey, rowKey}
	for range holdsPerRun {
		args = append(args, holdStart+"__rand_int__", "1", "1", "1")
	}
	out, err := exec.CommandContext(ctx, path, args...).Output()
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
	return time.Duration(float64(runs) / rate * float64(time.Second)), nil
}

func pipelined(ctx context.Context, client *redis.Client, sha string, runs int) (time.Duration, error) {
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for range connections {
		group.Go(func() error {
			for {
				first := next.Add(inFlight) - inFlight
				if first >= int64(runs) {
					return nil
				}
				_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
					for i := first; i < min(first+inFlight, int64(runs)); i++ {
						args := make([]any, 0, 4*holdsPerRun)
						for hold := range int64(holdsPerRun) {
							args = append(args, holdStart+strconv.FormatInt(i*holdsPerRun+hold, 10), 1, 1, 1)
						}
						p.EvalSha(ctx, sha, []string{pendingKey, holdsKey, rowKey}, args...)
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
