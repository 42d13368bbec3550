package testservers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// MasterName is what the sentinels call the primary that they watch.
const MasterName = "stockhold"

// SentinelOptions shape a primary and a replica that sentinels watch.
type SentinelOptions struct {
	// Sentinels is the number of sentinels; 0 means 1. A majority of them must live for a failover.
	Sentinels int
	// DownAfter is how long the primary must be silent before it is replaced; 0 means 500 ms.
	DownAfter time.Duration
	// Redis is for the primary and the replica. Sentinels ask for no password.
	Redis RedisOptions
}

// A Sentinel set is a primary and a replica, and sentinels that make the replica the primary when the primary is
// gone. The fields say how they began; Current says who is the primary now.
type Sentinel struct {
	Primary   *RedisServer
	Replica   *RedisServer
	Sentinels []*RedisServer
}

// StartSentinel starts the set and returns when every sentinel knows the replica and the other sentinels. The
// caller closes it.
func StartSentinel(ctx context.Context, options SentinelOptions) (*Sentinel, error) {
	if options.Sentinels == 0 {
		options.Sentinels = 1
	}
	if options.DownAfter == 0 {
		options.DownAfter = 500 * time.Millisecond
	}
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	pair, err := StartPair(ctx, options.Redis)
	if err != nil {
		return nil, err
	}
	// Sentinels start after the replica follows: they look for new replicas every 10 s only.
	sentinels, err := startMany(ctx, options.Sentinels, func(ctx context.Context) (*RedisServer, error) {
		return startRedis(ctx, "redis-sentinel", RedisOptions{}, func(folder string, port int) []string {
			return sentinelConfig(options, pair.Primary, folder, port)
		}, "--sentinel")
	})
	if err != nil {
		return nil, errors.Join(err, pair.Close())
	}
	set := &Sentinel{Primary: pair.Primary, Replica: pair.Replica, Sentinels: sentinels}
	if err := until(ctx, "the sentinels know everyone", set.informed); err != nil {
		return nil, errors.Join(err, set.Close())
	}
	return set, nil
}

func sentinelConfig(options SentinelOptions, primary *RedisServer, folder string, port int) []string {
	quorum := options.Sentinels/2 + 1
	lines := []string{
		"port " + strconv.Itoa(port),
		"bind 127.0.0.1",
		"dir " + strconv.Quote(folder),
		"daemonize no",
		fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d %d", MasterName, primary.Port(), quorum),
		fmt.Sprintf("sentinel down-after-milliseconds %s %d", MasterName, options.DownAfter.Milliseconds()),
		// A failover that went wrong is tried again after twice this time.
		fmt.Sprintf("sentinel failover-timeout %s %d", MasterName, 2000),
	}
	if options.Redis.Password != "" {
		lines = append(lines, fmt.Sprintf("sentinel auth-pass %s %s", MasterName, strconv.Quote(options.Redis.Password)))
	}
	return lines
}

// informed returns nil when every sentinel sees the primary well and knows the replica and its peers.
func (s *Sentinel) informed(ctx context.Context) error {
	for _, sentinel := range s.Sentinels {
		primary, err := s.ask(ctx, sentinel)
		if err != nil {
			return fmt.Errorf("sentinel %s: %w", sentinel.Addr(), err)
		}
		peers := strconv.Itoa(len(s.Sentinels) - 1)
		if primary["flags"] != "master" || primary["num-slaves"] != "1" || primary["num-other-sentinels"] != peers {
			return fmt.Errorf("sentinel %s: the primary is %q, replicas %s, other sentinels %s",
				sentinel.Addr(), primary["flags"], primary["num-slaves"], primary["num-other-sentinels"])
		}
	}
	return nil
}

// ask returns what a sentinel says of the primary.
func (s *Sentinel) ask(ctx context.Context, sentinel *RedisServer) (map[string]string, error) {
	var answer map[string]string
	err := sentinel.do(ctx, func(client *redis.Client) (err error) {
		command := redis.NewMapStringStringCmd(ctx, "SENTINEL", "MASTER", MasterName)
		err = client.Process(ctx, command)
		answer = command.Val()
		return err
	})
	return answer, err
}

// Current returns the server that all living sentinels call the primary now; an error while they differ.
func (s *Sentinel) Current(ctx context.Context) (*RedisServer, error) {
	var current *RedisServer
	for _, sentinel := range s.Sentinels {
		if sentinel.Pid() == 0 {
			continue
		}
		answer, err := s.ask(ctx, sentinel)
		if err != nil {
			return nil, fmt.Errorf("ask sentinel %s for the primary: %w", sentinel.Addr(), err)
		}
		addr := net.JoinHostPort(answer["ip"], answer["port"])
		var named *RedisServer
		for _, server := range []*RedisServer{s.Primary, s.Replica} {
			if server.Addr() == addr {
				named = server
			}
		}
		switch {
		case named == nil:
			return nil, fmt.Errorf("sentinel %s calls %s the primary, a stranger", sentinel.Addr(), addr)
		case current != nil && current != named:
			return nil, fmt.Errorf("the sentinels call both %s and %s the primary", current.Addr(), named.Addr())
		}
		current = named
	}
	if current == nil {
		return nil, errors.New("no sentinel lives")
	}
	return current, nil
}

// Moved waits until the sentinels have made a primary of another server than old, and returns that one when it
// takes writes.
func (s *Sentinel) Moved(ctx context.Context, old *RedisServer) (*RedisServer, error) {
	var current *RedisServer
	err := until(ctx, "the primary is no longer "+old.Addr(), func(ctx context.Context) (err error) {
		if current, err = s.Current(ctx); err != nil {
			return err
		}
		if current == old {
			return errors.New("it still is")
		}
		return current.do(ctx, func(client *redis.Client) error {
			info, err := infoOf(ctx, client, "replication")
			if err == nil && info["role"] != "master" {
				err = fmt.Errorf("%s is still a %s", current.Addr(), info["role"])
			}
			return err
		})
	})
	return current, err
}

// URLs returns the addresses of the primary and of the replica, as they began.
func (s *Sentinel) URLs() []string { return []string{s.Primary.URL(), s.Replica.URL()} }

// URL returns one URL that names the sentinels, in the form of go-redis's ParseFailoverURL.
func (s *Sentinel) URL() string {
	parameters := url.Values{"master_name": {MasterName}}
	if password := s.Primary.options.Password; password != "" {
		parameters.Set("password", password)
	}
	return manyURL(s.Sentinels, parameters)
}

// Close kills the sentinels, the primary and the replica, and removes their files.
func (s *Sentinel) Close() error {
	return closeAll(append(slices.Clone(s.Sentinels), s.Primary, s.Replica))
}
