package testservers

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

const (
	// fillerPrefix begins the keys that Fill writes.
	fillerPrefix = "testservers-filler-"
	// fillerSize is the size of one filler's value, in bytes.
	fillerSize = 256 << 10
)

// overfill writes where plain writes are refused, so that the server stays full also when clients' buffers are freed,
// which count as memory.
var overfill = redis.NewScript(`#!lua flags=allow-oom
for _, key in ipairs(KEYS) do
	redis.call('SET', key, ARGV[1])
end`)

// overfillKeys are how many fillers overfill writes: 4 MiB.
const overfillKeys = 16

// SetMaxMemory limits the server's memory while it runs, as redis.conf writes it, such as "64mb"; "0" is no limit.
// A Restart brings RedisOptions.MaxMemory back.
func (s *RedisServer) SetMaxMemory(ctx context.Context, limit string) error {
	return s.do(ctx, func(client *redis.Client) error {
		if err := client.ConfigSet(ctx, "maxmemory", limit).Err(); err != nil {
			return fmt.Errorf("limit the memory of %s to %s: %w", s.Addr(), limit, err)
		}
		return nil
	})
}

// Fill writes keys of its own until the server refuses plain writes for lack of memory, and goes on doing so. It
// needs a limit and the policy noeviction, Redis's default, and does not work on a node of a cluster.
func (s *RedisServer) Fill(ctx context.Context) error {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	return s.do(ctx, func(client *redis.Client) error {
		if err := fill(ctx, client); err != nil {
			return fmt.Errorf("fill %s: %w", s.Addr(), err)
		}
		return nil
	})
}

func fill(ctx context.Context, client *redis.Client) error {
	settings, err := client.ConfigGet(ctx, "maxmemory*").Result()
	if err != nil {
		return err
	}
	if settings["maxmemory"] == "0" || settings["maxmemory-policy"] != "noeviction" {
		return fmt.Errorf("maxmemory is %s and maxmemory-policy %s: a limit and noeviction are needed",
			settings["maxmemory"], settings["maxmemory-policy"])
	}
	filler := strings.Repeat("x", fillerSize)
	for {
		err := client.Set(ctx, fillerPrefix+unique(), filler, 0).Err()
		switch {
		case redis.IsOOMError(err):
			return overfillWith(ctx, client, filler)
		case err != nil:
			return err
		}
	}
}

func overfillWith(ctx context.Context, client *redis.Client, filler string) error {
	var keys []string
	for range overfillKeys {
		keys = append(keys, fillerPrefix+unique())
	}
	err := overfill.Eval(ctx, client, keys, filler).Err()
	if errors.Is(err, redis.Nil) {
		return nil // The script returns nothing.
	}
	return err
}

// Unfill removes what Fill wrote.
func (s *RedisServer) Unfill(ctx context.Context) error {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	return s.do(ctx, func(client *redis.Client) error {
		var errs []error
		fillers := client.Scan(ctx, 0, fillerPrefix+"*", 1000).Iterator()
		for fillers.Next(ctx) {
			errs = append(errs, client.Del(ctx, fillers.Val()).Err())
		}
		if err := errors.Join(append(errs, fillers.Err())...); err != nil {
			return fmt.Errorf("remove the fillers of %s: %w", s.Addr(), err)
		}
		return nil
	})
}
