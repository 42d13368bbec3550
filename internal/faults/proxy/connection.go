package proxy

import (
	"context"
	"io"
	"net"
	"strconv"

	"github.com/Shopify/toxiproxy/v2/stream"
)

// A connection is a client's connection and the one to upstream that serves it. The proxy's mu guards its fields;
// the sockets may be used without.
type connection struct {
	proxy      *Proxy
	client     *net.TCPConn
	upstream   *net.TCPConn // nil until it is made
	clientGone bool         // the client's socket is closed
	ways       int          // directions that still run

	// muted: nothing reaches the client and what it sends vanishes; its socket outlives upstream's.
	muted bool
	// swallowed: muted in both directions, and upstream's socket outlives the client's too.
	swallowed bool
	// spent: upstream has answered what it was to answer, and is left to read the rest and to hang up.
	spent bool

	requests requestReader
	answers  frames
	loss     *loss  // what was looked for in the requests so far
	tail     []byte // the end of these, in case the pattern goes on in the next bytes
	owed     *loss  // an answer is to be lost
	stream   uint32 // which one, with HTTP/2; 0: the next
}

// connect makes the connection to upstream and lets bytes pass in both directions.
func (c *connection) connect() {
	p := c.proxy
	ctx, cancel := context.WithTimeout(p.life, dialPatience)
	defer cancel()
	upstream, err := new(net.Dialer).DialContext(ctx, "tcp", p.leadsTo())
	if !c.join(upstream, err) {
		return
	}
	name := strconv.FormatInt(p.named.Add(1), 10)
	// Without mu: a delay that is being changed holds the pipes until bytes under way are written, which takes mu.
	p.pipes.Toxics.StartLink(p.api, name+"upstream", clientSide{c}, upstreamSide{c}, stream.Upstream)
	p.pipes.Toxics.StartLink(p.api, name+"downstream", upstreamSide{c}, clientSide{c}, stream.Downstream)
}

// join takes what the dial brought, and reports whether there are two sides between which bytes can pass.
func (c *connection) join(upstream net.Conn, err error) bool {
	p := c.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		c.upstream = upstream.(*net.TCPConn)
		if c.clientGone || c.muted {
			// A fault came in between.
			c.closeUpstream()
		}
		c.ways = 2
		p.work.Add(2)
		return true
	case c.muted:
		p.work.Go(c.drain)
		return false
	default:
		c.reset()
		delete(p.open, c)
		return false
	}
}

// drain reads from a client that nobody serves, until it goes away.
func (c *connection) drain() {
	// The error says how the client went, which does not matter.
	_, _ = io.Copy(io.Discard, c.client)
	c.proxy.mu.Lock()
	defer c.proxy.mu.Unlock()
	c.closeClient()
	delete(c.proxy.open, c)
}

// wayEnded says that bytes of one direction have come to their end; mu is held.
func (c *connection) wayEnded() {
	if c.ways--; c.ways == 0 {
		c.close()
		delete(c.proxy.open, c)
	}
	c.proxy.work.Done()
}

// All below need mu.

func (c *connection) swallow() { c.muted, c.swallowed = true, true }

func (c *connection) close() {
	c.closeClient()
	c.closeUpstream()
}

// reset is close with a TCP reset instead of an orderly end, for both sides.
func (c *connection) reset() {
	// It fails on a closed socket only, where there is nothing left to reset.
	_ = c.client.SetLinger(0)
	if c.upstream != nil {
		_ = c.upstream.SetLinger(0)
	}
	c.close()
}

func (c *connection) closeClient() {
	if !c.clientGone {
		c.clientGone = true
		// A socket that fails to close was broken by its peer, and is closed all the same.
		_ = c.client.Close()
	}
}

func (c *connection) closeUpstream() {
	if c.upstream != nil {
		_ = c.upstream.Close() // As above; the second time it only says that it is closed.
	}
}
