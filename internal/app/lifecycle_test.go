package app

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/config"
)

func TestPartsStopInTheOppositeOrderAndOnce(t *testing.T) {
	l := newLifecycle()
	var order []string
	step := func(name string, err error) {
		l.onStop(name, func(context.Context) error {
			order = append(order, name)
			return err
		})
	}
	step("first", errors.New("stuck"))
	step("second", nil)
	step("third", errors.New("broken"))

	err := l.stop(t.Context())
	require.Equal(t, []string{"third", "second", "first"}, order, "a step that fails keeps no other from being undone")
	require.ErrorContains(t, err, "stop third: broken")
	require.ErrorContains(t, err, "stop first: stuck")
	require.Equal(t, err, l.stop(t.Context()))
	require.Len(t, order, 3)
}

func TestBackgroundIsWaitedFor(t *testing.T) {
	l := newLifecycle()
	ended := false
	l.background("the part", func(ctx context.Context) error {
		<-ctx.Done()
		ended = true // seen below without a lock: stop waits
		return ctx.Err()
	})
	require.NoError(t, l.stop(t.Context()), "ending because one was told to is no error")
	require.True(t, ended)
	require.Empty(t, l.failed)
}

func TestPartThatEndsByItselfFailsTheWhole(t *testing.T) {
	for _, cause := range []error{errors.New("out of luck"), nil} {
		l := newLifecycle()
		l.background("the part", func(context.Context) error { return cause })
		err := <-l.failed
		require.ErrorContains(t, err, "the part ended by itself")
		stopped := l.stop(t.Context())
		if cause == nil {
			require.NoError(t, stopped)
			continue
		}
		require.ErrorIs(t, err, cause)
		require.ErrorIs(t, stopped, cause)
	}
}

func TestStopDoesNotWaitForEver(t *testing.T) {
	l := newLifecycle()
	release := make(chan struct{})
	defer close(release)
	l.background("the part", func(context.Context) error { <-release; return nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorContains(t, l.stop(ctx), "stop the part: still at work")
}

// A listener that goes away under the server ends it with an error, and Serve
// returns that.
func TestServerThatFailsIsStopped(t *testing.T) {
	cfg := config.Default()
	cfg.Stores.Data = t.TempDir()
	cfg.Server.Listen = "127.0.0.1:0"
	a := New(cfg, Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, a.Start(t.Context()))
	require.NoError(t, a.server.listener.Close())
	select {
	case err := <-a.Failed():
		require.ErrorContains(t, err, "the HTTP server ended by itself")
	case <-time.After(time.Minute):
		require.Fail(t, "nobody noticed")
	}
	require.Error(t, a.Stop())
}

func TestGateNameKeepsSecrets(t *testing.T) {
	for url, name := range map[string]string{
		"":                             "embedded",
		"redis://r:6379/0":             "redis://r:6379/0",
		"rediss://u:pa@ss@r:6379?db=1": "rediss://r:6379",
		"redis://u:secret@a:1/0?master_name=m&addr=b:2&password=x": "redis://a:1/0",
		"unix://u:secret@/run/redis.sock?db=0":                     "unix:///run/redis.sock",
	} {
		require.Equal(t, name, gateName(config.Stores{RedisURL: url}))
	}
}

func TestReachable(t *testing.T) {
	for address, here := range map[string]string{
		"127.0.0.1:8080":  "127.0.0.1:8080",
		"0.0.0.0:8080":    "localhost:8080",
		"[::]:8080":       "localhost:8080",
		"192.0.2.7:80":    "192.0.2.7:80",
		"[2001:db8::1]:1": "[2001:db8::1]:1",
	} {
		require.Equal(t, here, reachable(address))
	}
}
