package proxy

import (
	"bytes"
	"fmt"
	"slices"
)

// A loss is an order to lose answers.
type loss struct {
	left    int
	pattern []byte
	mute    bool // silence instead of a reset
}

// LoseReplies lets the next n requests whose bytes contain pattern through to upstream, and loses what upstream
// answers: the answer vanishes, and the client's connection is reset when the answer's first byte arrives, so the
// request has been executed. It replaces an order given before; Heal cancels it. A nil pattern is any request.
//
// The pattern is looked for in the bytes that the client sends, also where they arrive in pieces. Most protocols,
// such as MySQL's, Redis's and HTTP/1.1, answer one request after another on a connection: what upstream sends next is
// the answer. Of requests in a pipeline, those that came along with the one that matched are executed too, and all of
// their answers are lost. With HTTP/2 without TLS the answer is the one to the very request, and its whole connection
// ends, with the answers to others that are still under way; the pattern must be in one frame, uncompressed.
func (p *Proxy) LoseReplies(n int, pattern []byte) error { return p.lose(n, pattern, false) }

// MuteReplies is LoseReplies with a client's connection that stays open and silent.
func (p *Proxy) MuteReplies(n int, pattern []byte) error { return p.lose(n, pattern, true) }

func (p *Proxy) lose(n int, pattern []byte, mute bool) error {
	if n < 1 {
		return fmt.Errorf("lose %d replies: at least 1 is needed", n)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errClosed
	}
	p.loss = &loss{left: n, pattern: bytes.Clone(pattern), mute: mute}
	return nil
}

// Lost returns how many replies were lost or muted so far.
func (p *Proxy) Lost() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

// forward looks at bytes of a request before they go to upstream, and reports whether they may.
func (c *connection) forward(request []byte) bool {
	c.proxy.mu.Lock()
	defer c.proxy.mu.Unlock()
	found, isHTTP2 := c.requests.read(request)
	if c.muted {
		return false
	}
	order := c.proxy.loss
	if order == nil || order.left == 0 || c.owed != nil {
		return true
	}
	end, ok := c.search(order, request)
	if ok && isHTTP2 {
		c.stream, ok = streamAt(found, end, len(order.pattern) == 0)
	}
	if ok {
		order.left--
		c.owed = order
	}
	return true
}

// search returns where in a request the pattern ends, if it does.
func (c *connection) search(order *loss, request []byte) (end int, ok bool) {
	if c.loss != order {
		c.loss, c.tail = order, nil
	}
	seen := slices.Concat(c.tail, request)
	if i := bytes.Index(seen, order.pattern); i >= 0 {
		return i + len(order.pattern) - len(c.tail), true
	}
	c.tail = seen[max(0, len(seen)-len(order.pattern)+1):]
	return 0, false
}

// streamAt returns the request to which the bytes before end belong; of any, the first that begins. Frames about the
// connection belong to none.
func streamAt(found []frame, end int, anyRequest bool) (stream uint32, ok bool) {
	for _, f := range found {
		if anyRequest && f.begins && f.kind == headersFrame || !anyRequest && f.end >= end {
			return f.stream, f.stream != 0
		}
	}
	return 0, false
}

// deliver looks at bytes of answers, and reports whether they may go to the client. The first ones that are to be
// lost end the connection. Upstream is told that no more requests come, and its answers are read until it hangs up:
// what it has received and not yet read is executed first.
func (c *connection) deliver(answer []byte) bool {
	c.proxy.mu.Lock()
	defer c.proxy.mu.Unlock()
	found := c.answers.read(answer)
	if c.muted || c.owed == nil {
		return !c.muted
	}
	if c.stream != 0 && !slices.ContainsFunc(found, c.answersOwed) {
		return true
	}
	c.muted, c.spent = true, true
	c.proxy.lost++
	if !c.owed.mute {
		_ = c.client.SetLinger(0) // It fails on a closed socket only.
		c.closeClient()
	}
	// If it fails, upstream is gone already.
	_ = c.upstream.CloseWrite()
	return false
}

// answersOwed reports whether a frame begins the answer that is to be lost.
func (c *connection) answersOwed(f frame) bool {
	return f.begins && f.stream == c.stream && (f.kind == headersFrame || f.kind == resetFrame)
}
