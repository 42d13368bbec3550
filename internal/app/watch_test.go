package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

// Settings that weaken a store are said at the start and stay to be seen.
func TestStoreWarnings(t *testing.T) {
	redis := testservers.NewRedis(t, testservers.RedisOptions{MaxMemory: "64mb", Config: []string{"maxmemory-policy allkeys-lru"}})
	cfg := real(t)
	cfg.Stores.RedisURL = redis.URL()
	a, log := start(t, cfg)
	require.Contains(t, log.String(), "allkeys-lru")
	require.Contains(t, log.String(), "store=gate")

	s := visit(t, a)
	require.Equal(t, "1", s.metric(`stockhold_store_warnings{store="gate"}`))
	s.until("/readyz", 200, "ok")
}
