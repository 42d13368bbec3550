package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"stockhold/internal/testservers"
)

// dialPatience bounds a connection to upstream, which may be a halted server with a full backlog.
const dialPatience = 10 * time.Second

// A Proxy passes TCP connections on to one upstream address until it is told to fail. Its methods are safe to call
// from several goroutines.
type Proxy struct {
	addr    string
	release func() error // gives the port back

	// pipes carries the bytes of all connections, and delays them. Of toxiproxy's own proxy only this is used: its
	// listener and connections cannot be reached, and faults need both.
	pipes *toxiproxy.Proxy
	api   *toxiproxy.ApiServer // never listens; pipes ask it for metrics, of which there are none

	life   context.Context // ends with the proxy
	end    context.CancelFunc
	work   sync.WaitGroup // all goroutines, and the pipes in both directions
	named  atomic.Int64   // connections so far, for the pipes' names
	toxics sync.Mutex     // one change of the delay at a time; never taken with mu held

	mu       sync.Mutex // guards what follows and the fields of all connections
	upstream string
	mode     mode
	listener net.Listener // nil while connections are refused
	open     map[*connection]struct{}
	loss     *loss // nil: replies arrive
	lost     int
	holds    []*hold
	held     int
	closed   bool
}

// A mode is what becomes of new connections.
type mode int

const (
	served mode = iota
	reset
	refused
	blackHole
)

// Start puts a proxy in front of upstream (host:port), listening on a free port of 127.0.0.1. Upstream need not
// be there yet. The caller closes the proxy.
func Start(upstream string) (*Proxy, error) {
	if _, _, err := net.SplitHostPort(upstream); err != nil {
		return nil, fmt.Errorf("upstream of a proxy: %w", err)
	}
	addr, release, err := testservers.LeasePort()
	if err != nil {
		return nil, fmt.Errorf("find a port for a proxy of %s: %w", upstream, err)
	}
	p := &Proxy{upstream: upstream, addr: addr, release: release, open: make(map[*connection]struct{})}
	p.api = toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p.pipes = toxiproxy.NewProxy(p.api, "faults", addr, upstream)
	p.life, p.end = context.WithCancel(context.Background())
	p.mu.Lock()
	err = p.listen()
	p.mu.Unlock()
	if err != nil {
		p.end()
		return nil, errors.Join(err, release())
	}
	return p, nil
}

// Addr returns host:port where clients connect. It stays the same for the proxy's life.
func (p *Proxy) Addr() string { return p.addr }

// Close ends all connections and the proxy, and gives its port back. It returns when all of its goroutines have
// done their work; the second call does nothing.
func (p *Proxy) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	err := p.turn(refused)
	p.releaseAll()
	p.closed = true
	p.mu.Unlock()
	p.end()
	// What is still delayed is let go, to closed connections.
	err = errors.Join(err, p.undelay())
	p.work.Wait()
	return errors.Join(err, p.release())
}

// Connections returns how many connections clients have open now, those that a fault made silent included.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for c := range p.open {
		if !c.clientGone {
			n++
		}
	}
	return n
}

// listen accepts connections from now on; mu is held.
func (p *Proxy) listen() error {
	if p.listener != nil {
		return nil
	}
	listener, err := net.Listen("tcp", p.addr)
	if err != nil {
		return fmt.Errorf("proxy of %s: %w", p.upstream, err)
	}
	p.listener = listener
	p.work.Go(func() { p.accept(listener) })
	return nil
}

func (p *Proxy) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// No descriptors left, or a client that went away in the backlog: the next may fare better.
			select {
			case <-time.After(10 * time.Millisecond):
				continue
			case <-p.life.Done():
				return
			}
		}
		p.admit(client.(*net.TCPConn))
	}
}

// admit does with a new connection what the mode asks for.
func (p *Proxy) admit(client *net.TCPConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &connection{proxy: p, client: client}
	switch p.mode {
	case served:
		p.open[c] = struct{}{}
		p.work.Go(c.connect)
	case blackHole:
		// Upstream never hears of it.
		c.swallow()
		p.open[c] = struct{}{}
		p.work.Go(c.drain)
	case reset, refused:
		// Refused ones were in the listener's backlog.
		c.reset()
	}
}
