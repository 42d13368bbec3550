//go:build faults

package network_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/faults"
)

// Whatever happens between callers and servers, no call outlives its caller's
// deadline, and a caller that repeats what it got no answer to is right to do so:
// nothing happens twice, and the books agree. Half of the calls go over HTTP/2,
// half over HTTP/1.1.
func TestFaultsBetweenCallerAndServer(t *testing.T) {
	t.Parallel()
	a := openArena(t)
	var hops []hop
	var clients []*faults.Client
	for i, server := range a.servers {
		p := proxyTo(t, server.URL()[len("http://"):])
		client, request := http2Client(p.Addr()), []byte(nil)
		if i == 1 {
			client, request = http1Client(p.Addr()), []byte("POST ")
		}
		t.Cleanup(client.Close)
		hops, clients = append(hops, hop{p, request}), append(clients, client)
	}
	for _, f := range all {
		t.Run(f.name, func(t *testing.T) {
			const attempt = 1500 * time.Millisecond
			c := a.open(t, f, faults.ShopOptions{Attempt: attempt, Twice: -1}, hops...)
			c.shop.Use(clients...)
			c.endure(t, func() bool { return !f.total || len(c.during.NoAnswer) > 0 }, func() {})

			c.requireEnded(t, attempt)
			counts := c.shop.Tally.Counts()
			if f.again {
				replays := int64(0)
				for _, n := range counts.Replays {
					replays += n
				}
				require.Positive(t, replays, "no call was repeated that had been done")
			}
		})
	}
}

// http2Client calls over one connection, which it pings when it has long been
// silent: HTTP/2 has no other way to find out that a connection is dead.
func http2Client(addr string) *faults.Client {
	transport := &http.Transport{Protocols: new(http.Protocols), HTTP2: &http.HTTP2Config{SendPingTimeout: time.Second, PingTimeout: time.Second}}
	transport.Protocols.SetUnencryptedHTTP2(true)
	return faults.NewClientOver("http://"+addr, transport)
}

func http1Client(addr string) *faults.Client {
	return faults.NewClientOver("http://"+addr, &http.Transport{MaxIdleConnsPerHost: 16})
}
