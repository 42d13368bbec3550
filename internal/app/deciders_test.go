package app

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/config"
	"stockhold/sweeper/decider"
)

// A client stays while its address does, and is let go once nobody uses it: also
// when a change was never taken up, and never one that a later change asked for.
func TestDecidersStayWhileTheyAreNeeded(t *testing.T) {
	cfg := config.Default().Sweeper
	asked := &deciders{trust: func(_ string, timeout time.Duration) decider.Options { return decider.Options{Timeout: timeout} }}
	of := func(addresses config.Deciders) (clients map[string]any, adopted func()) {
		cfg.Deciders = addresses
		made, adopted, err := asked.of(cfg)
		require.NoError(t, err)
		clients = map[string]any{}
		for owner, client := range made {
			clients[owner] = client
		}
		return clients, adopted
	}
	first, _ := of(config.Deciders{"a": "http://a", "b": "http://b"})
	second, adoptSecond := of(config.Deciders{"a": "http://a", "b": "http://c"})
	require.Same(t, first["a"], second["a"])
	require.NotSame(t, first["b"], second["b"])

	third, adoptThird := of(config.Deciders{"b": "http://d"})
	adoptSecond()
	require.Len(t, asked.clients, 3, "b of the first is gone; the third is still to be adopted")
	fourth, _ := of(config.Deciders{"b": "http://d"}) // nobody adopts it
	require.Same(t, third["b"], fourth["b"])
	adoptThird()
	require.Len(t, asked.clients, 1)

	cfg.Deciders = config.Deciders{"b": "ftp://d"}
	_, _, err := asked.of(cfg)
	require.ErrorContains(t, err, "owner b")
	require.Len(t, asked.clients, 1)
	require.NoError(t, asked.close(t.Context()))
	require.Empty(t, asked.clients)
}
