package testservers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// RedisOptions shape a Redis server. The zero value keeps everything in memory and nothing on disk.
type RedisOptions struct {
	// Password that clients and replicas give; empty means none is asked for.
	Password string
	// MaxMemory as redis.conf writes it, such as "64mb"; empty means no limit.
	MaxMemory string
	// Persist turns the append-only file on, so that data outlive Kill and Restart.
	Persist bool
	// FakeClock gives the server a clock that SetClock moves. It needs libfaketime.
	FakeClock bool
	// Config holds further lines of redis.conf, such as "maxmemory-policy allkeys-lru". They go last, so they win.
	Config []string
}

// A RedisServer is one redis-server.
type RedisServer struct {
	server
	options RedisOptions
}

// StartRedis starts a server and returns when it answers. Without a deadline in ctx it takes at most 60 s. The
// caller closes the server. ctx bounds the start only.
func StartRedis(ctx context.Context, options RedisOptions) (*RedisServer, error) {
	return startRedis(ctx, "redis-server", options, func(folder string, port int) []string {
		return redisConfig(options, folder, port)
	})
}

// startRedis starts the program redis-server with a configuration file, not arguments: Redis and Sentinel write
// to that file whom they follow now.
func startRedis(
	ctx context.Context, kind string, options RedisOptions, config func(folder string, port int) []string, flags ...string,
) (*RedisServer, error) {
	path, err := binary("redis-server")
	if err != nil {
		return nil, err
	}
	s := &RedisServer{options: options}
	if err := s.open(kind, path); err != nil {
		return nil, err
	}
	if options.FakeClock {
		if err := s.fakeClock(); err != nil {
			return nil, errors.Join(fmt.Errorf("start %s: %w", kind, err), s.Close())
		}
	}
	s.configure = func(port int) ([]string, error) {
		file := filepath.Join(s.folder, "redis.conf")
		text := strings.Join(config(s.folder, port), "\n") + "\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("write the configuration: %w", err)
		}
		return append([]string{file}, flags...), nil
	}
	s.probe = s.ready
	if err := s.firstStart(ctx); err != nil {
		return nil, fmt.Errorf("start %s: %w", kind, err)
	}
	return s, nil
}

func redisConfig(options RedisOptions, folder string, port int) []string {
	lines := []string{
		"port " + strconv.Itoa(port),
		"bind 127.0.0.1",
		"dir " + strconv.Quote(folder),
		"daemonize no",
		`save ""`,
		// A replica gets its first copy at once, and a halted one does not hold up the end of its primary.
		"repl-diskless-sync-delay 0",
		"shutdown-timeout 2",
	}
	if options.Persist {
		lines = append(lines, "appendonly yes", "appendfsync everysec")
	} else {
		lines = append(lines, "appendonly no")
	}
	if options.Password != "" {
		quoted := strconv.Quote(options.Password)
		lines = append(lines, "requirepass "+quoted, "masterauth "+quoted)
	}
	if options.MaxMemory != "" {
		lines = append(lines, "maxmemory "+options.MaxMemory)
	}
	return append(lines, options.Config...)
}

// URL returns the server's address as redis://127.0.0.1:port/0, with the password if there is one.
func (s *RedisServer) URL() string { return redisURL(s.Addr(), s.options.Password) }

func redisURL(addr, password string) string {
	u := url.URL{Scheme: "redis", Host: addr, Path: "/0"}
	if password != "" {
		u.User = url.UserPassword("", password)
	}
	return u.String()
}

// Client returns a plain client of this server, without retries. The caller closes it.
func (s *RedisServer) Client() *redis.Client {
	return plainClient(s.Addr(), s.options.Password)
}

func plainClient(addr, password string) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr:                     addr,
		Password:                 password,
		Protocol:                 2,
		MaxRetries:               -1,
		DialerRetries:            1,
		ContextTimeoutEnabled:    true,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

// ready asks for the process id, which no other server has, and for an answer that a loading server refuses.
func (s *RedisServer) ready(ctx context.Context) error {
	client := s.Client()
	defer client.Close()
	if err := client.Ping(ctx).Err(); err != nil {
		return err
	}
	info, err := infoOf(ctx, client, "server")
	if err != nil {
		return err
	}
	if pid := strconv.Itoa(s.Pid()); info["process_id"] != pid {
		return fmt.Errorf("another server, process %s, listens on %s", info["process_id"], s.Addr())
	}
	return nil
}

// infoOf returns a section of INFO by field.
func infoOf(ctx context.Context, client *redis.Client, section string) (map[string]string, error) {
	text, err := client.Info(ctx, section).Result()
	if err != nil {
		return nil, err
	}
	return fields(text), nil
}

// fields reads the lines "name:value" that INFO and CLUSTER INFO answer with.
func fields(text string) map[string]string {
	found := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			found[name] = value
		}
	}
	return found
}
