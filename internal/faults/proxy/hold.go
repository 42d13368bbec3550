package proxy

import (
	"bytes"
	"fmt"
)

// A hold is an order to keep requests back.
type hold struct {
	left     int
	pattern  []byte
	released chan struct{}
}

// HoldRequests keeps the next n requests whose bytes contain pattern, and what follows them on their connections,
// until Heal. They reach upstream then, also if their clients have gone meanwhile: so a request arrives late that
// nobody waits for any more. Orders add up. A request that arrives in pieces is not recognised where one ends inside
// the pattern, and no delay may be changed while requests are held.
func (p *Proxy) HoldRequests(n int, pattern []byte) error {
	if n < 1 {
		return fmt.Errorf("hold %d requests: at least 1 is needed", n)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errClosed
	}
	p.holds = append(p.holds, &hold{left: n, pattern: bytes.Clone(pattern), released: make(chan struct{})})
	return nil
}

// Held returns how many requests are kept back now.
func (p *Proxy) Held() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held
}

// await returns when a request may go on: at once, if no order fits.
func (c *connection) await(request []byte) {
	p := c.proxy
	p.mu.Lock()
	released := p.keep(request)
	if released == nil {
		p.mu.Unlock()
		return
	}
	p.held++
	p.mu.Unlock()
	<-released // by Heal or Close
	p.mu.Lock()
	p.held--
	p.mu.Unlock()
}

// keep finds an order that fits a request; mu is held.
func (p *Proxy) keep(request []byte) <-chan struct{} {
	for _, h := range p.holds {
		if h.left > 0 && bytes.Contains(request, h.pattern) {
			h.left--
			return h.released
		}
	}
	return nil
}

// releaseAll lets go what is held; mu is held.
func (p *Proxy) releaseAll() {
	for _, h := range p.holds {
		close(h.released)
	}
	p.holds = nil
}
