package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"
)

// errClosed says that a fault was asked of a proxy that is no more.
var errClosed = errors.New("the proxy is closed")

// Heal ends every fault. Connections that a fault broke stay broken: those that were swallowed by a black hole are
// closed now, half-open and muted ones stay silent.
func (p *Proxy) Heal() error {
	p.mu.Lock()
	p.loss = nil
	p.releaseAll()
	for c := range p.open {
		c.owed, c.stream = nil, 0
	}
	err := p.turn(served)
	p.mu.Unlock()
	return errors.Join(err, p.undelay())
}

// Reset ends all connections with a TCP reset, those that exist at once and new ones as soon as they are accepted,
// until Heal.
func (p *Proxy) Reset() error { return p.turnTo(reset) }

// Refuse cuts all connections and refuses new ones, until Heal.
func (p *Proxy) Refuse() error { return p.turnTo(refused) }

// BlackHole makes all bytes of both directions vanish, and the ends of connections with them: neither side hears of
// the other, whatever it does. New connections are accepted, and upstream hears nothing of those. Heal ends it and
// closes them all.
func (p *Proxy) BlackHole() error { return p.turnTo(blackHole) }

// Cut closes the connections that exist now, once. New ones are served.
func (p *Proxy) Cut() error {
	return p.each((*connection).close)
}

// HalfOpen closes the upstream side of the connections that exist now; the client's side stays open and silent for
// ever, and what the client sends vanishes. New ones are served.
func (p *Proxy) HalfOpen() error {
	return p.each(func(c *connection) {
		c.muted = true
		c.closeUpstream()
	})
}

// LeadTo makes new connections go to another upstream (host:port), as an address does that fails over. Those that exist
// stay where they are, until Cut; Heal does not lead back.
func (p *Proxy) LeadTo(upstream string) error {
	if _, _, err := net.SplitHostPort(upstream); err != nil {
		return fmt.Errorf("upstream of a proxy: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errClosed
	}
	p.upstream = upstream
	return nil
}

func (p *Proxy) leadsTo() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.upstream
}

// each does something to every connection there is.
func (p *Proxy) each(do func(*connection)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errClosed
	}
	for c := range p.open {
		do(c)
	}
	return nil
}

func (p *Proxy) turnTo(next mode) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.turn(next)
}

// turn changes what becomes of connections; mu is held.
func (p *Proxy) turn(next mode) error {
	if p.closed {
		return errClosed
	}
	p.mode = next
	for c := range p.open {
		switch {
		case next == reset:
			c.reset()
		case next == refused:
			c.close()
		case next == blackHole:
			c.swallow()
		case c.swallowed:
			c.close()
		}
	}
	if next != refused {
		return p.listen()
	}
	if p.listener == nil {
		return nil
	}
	err := p.listener.Close()
	p.listener = nil
	if err != nil {
		return fmt.Errorf("refuse connections on %s: %w", p.addr, err)
	}
	return nil
}

// directions are toxiproxy's names of the ways through a connection.
var directions = []string{"upstream", "downstream"}

// Delay makes every byte late by latency, give or take jitter, in each direction, until Heal; order is kept. The
// times count in whole milliseconds, rounded up. It waits for bytes that a side does not read.
func (p *Proxy) Delay(latency, jitter time.Duration) error {
	if latency < 0 || jitter < 0 {
		return fmt.Errorf("delay by %s, give or take %s: neither may be negative", latency, jitter)
	}
	p.toxics.Lock()
	defer p.toxics.Unlock()
	if p.life.Err() != nil {
		return errClosed
	}
	p.removeDelay()
	for _, direction := range directions {
		toxic, err := json.Marshal(map[string]any{
			"type":   "latency",
			"stream": direction,
			"attributes": toxics.LatencyToxic{
				Latency: milliseconds(latency),
				Jitter:  milliseconds(jitter),
			},
		})
		if err != nil {
			return fmt.Errorf("describe a delay: %w", err)
		}
		if _, err := p.pipes.Toxics.AddToxicJson(bytes.NewReader(toxic)); err != nil {
			return fmt.Errorf("delay bytes going %s: %w", direction, err)
		}
	}
	return nil
}

func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

func (p *Proxy) undelay() error {
	p.toxics.Lock()
	defer p.toxics.Unlock()
	p.removeDelay()
	return nil
}

// removeDelay lets what is under way go at once.
func (p *Proxy) removeDelay() { p.pipes.Toxics.ResetToxics(context.Background()) }
