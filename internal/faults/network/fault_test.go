//go:build faults

package network_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/faults"
	"stockhold/internal/faults/proxy"
)

func TestMain(m *testing.M) { faults.Main(m, faults.BuildOptions{}) }

// A hop is a proxy between two parts, and how requests look there whose replies
// are worth losing.
type hop struct {
	*proxy.Proxy
	request []byte
}

// A fault is one way for a hop to go wrong, until it is healed.
type fault struct {
	name  string
	total bool // nothing gets through at all
	begin func(h hop) error
	again bool // begin is a stroke, repeated every now and then
}

func (f fault) slug() string { return strings.ReplaceAll(f.name, " ", "-") }

var all = []fault{
	{name: "delay", begin: func(h hop) error { return h.Delay(20*time.Millisecond, 10*time.Millisecond) }},
	{name: "resets", total: true, begin: func(h hop) error { return h.Reset() }},
	{name: "cut once", begin: func(h hop) error { return h.Cut() }},
	{name: "refused", total: true, begin: func(h hop) error { return h.Refuse() }},
	{name: "half-open", begin: func(h hop) error { return h.HalfOpen() }},
	{name: "black hole", total: true, begin: func(h hop) error { return h.BlackHole() }},
	{name: "replies lost", again: true, begin: func(h hop) error { return h.LoseReplies(1, h.request) }},
	{name: "replies muted", again: true, begin: func(h hop) error { return h.MuteReplies(1, h.request) }},
}

const (
	lasting   = 2500 * time.Millisecond // a fault, at least
	strokes   = 250 * time.Millisecond  // between those of a fault that is repeated
	slack     = 10 * time.Second        // for a busy machine, on top of a deadline
	recovery  = 30 * time.Second        // after which a healed system must be at work again
	patience  = 90 * time.Second        // for what is only a matter of time
	fewOrders = 10                      // answers that show that work goes on
)

// hold keeps hops at fault for some time, and until watch, which is called about
// every strokes, has seen enough of it.
func (f fault) hold(t *testing.T, d time.Duration, watch func() (enough bool), hops ...hop) {
	t.Helper()
	began := time.Now()
	strike := func() {
		for _, h := range hops {
			require.NoError(t, f.begin(h), f.name)
		}
	}
	if !f.again {
		strike()
	}
	faults.Eventually(t, func() bool {
		if enough := watch(); enough && time.Since(began) >= d {
			return true
		}
		if f.again {
			strike()
		}
		return false
	}, d+recovery, strokes, "%s: too little was seen of it", f.name)
}

func heal(t *testing.T, hops ...hop) {
	t.Helper()
	for _, h := range hops {
		require.NoError(t, h.Heal())
	}
}

// proxyTo is one more proxy, closed with the test.
func proxyTo(t *testing.T, upstream string) *proxy.Proxy {
	t.Helper()
	p, err := proxy.Start(upstream)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}
