package inventory

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"stockhold/internal/leaktest"
	"stockhold/internal/testservers"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// The tests hold stock of an owner "orders" at a location "here".

func key(sku string) Key { return Key{Location: "here", SKU: sku} }

func view(sku string, quota, version int64) View {
	return View{Key: key(sku), Quota: quota, Version: version}
}

func line(sku string, quantity int64) Line { return Line{Key: key(sku), Quantity: quantity} }

func id(name string) HoldID { return HoldID{Owner: "orders", ID: name} }

func hold(name string, lines ...Line) Hold { return Hold{HoldID: id(name), Lines: lines} }

// z is an entry of a sorted set.
func z(score float64, member string) redis.Z { return redis.Z{Score: score, Member: member} }

// patience is for tests in which Redis answers: a busy machine must not fail them.
const patience = time.Minute

// openGate opens a gate with a prefix of its own.
func openGate(t testing.TB, url string) *Gate {
	t.Helper()
	return openGateWith(t, url, patience)
}

func openGateWith(t testing.TB, url string, timeout time.Duration) *Gate {
	t.Helper()
	g, err := Open(url, Options{Prefix: testservers.Prefix(t), Timeout: timeout})
	require.NoError(t, err)
	closeAfter(t, g)
	return g
}

// prefixOf is for a second gate on the keys of the first.
func prefixOf(g *Gate) string { return strings.Trim(g.keys.start, "{} ") }

func openEmbedded(t testing.TB) *Gate {
	t.Helper()
	g, err := OpenEmbedded(Options{Prefix: testservers.Prefix(t), Timeout: patience})
	require.NoError(t, err)
	closeAfter(t, g)
	return g
}

func closeAfter(t testing.TB, g *Gate) {
	t.Cleanup(func() { require.NoError(t, g.Close()) })
}
