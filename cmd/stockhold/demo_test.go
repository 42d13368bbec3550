package main_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/demo"
)

// The demonstration as people run it: it says how far it is, prints its table, and
// its exit code is its verdict.
func TestDemo(t *testing.T) {
	p := run(t, setup{args: []string{"demo", "--limit=60", "--ttl=1s", "--gate-timeout=5s", "--lose=30%"}})
	require.Zero(t, p.code, p.err.String())
	require.Contains(t, p.out.String(), "THE BOOKS AGREE to the unit and the audit is clean")
	require.Contains(t, p.out.String(), "a made-up mix, seed 1, on ")
	require.Contains(t, p.err.String(), "selling: 60 of 60 orders")

	p = run(t, setup{args: []string{"demo", "--json", "--limit=20", "--ttl=1s", "--gate-timeout=5s"}})
	require.Zero(t, p.code, p.err.String())
	var result demo.Result
	require.NoError(t, json.Unmarshal([]byte(p.out.String()), &result))
	require.EqualValues(t, 20, result.Orders)
	require.NoError(t, result.Err())
}

func TestDemoUsedWrongly(t *testing.T) {
	for _, tt := range []struct {
		flag string
		code int
		says string
	}{
		{"--lose=200%", 2, "want a share of 0% to 100%"},
		{"--workers=0", 2, "workers is 0, must be 1 to 1000"},
		{"--limit=-1", 2, "limit is -1"},
		{"--orders=nowhere.csv", 1, "nowhere.csv"},
	} {
		p := run(t, setup{args: []string{"demo", tt.flag}})
		require.Equal(t, tt.code, p.code, tt.flag)
		require.Contains(t, p.err.String(), tt.says)
		require.Empty(t, p.out.String())
	}
}
