package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"stockhold/internal/config"
	"stockhold/sweeper"
	"stockhold/sweeper/decider"
)

// deciders are the clients that ask owners. One whose address stays is kept when
// the configuration changes, with its connections; the others are closed once the
// sweeper has stopped using them.
type deciders struct {
	trust   func(owner string, timeout time.Duration) decider.Options
	mu      sync.Mutex // the sweeper tells from its own goroutine what it has adopted
	clients map[deciderKey]*deciderClient
	turn    int // how often clients were asked for
}

type deciderKey struct {
	owner, address string
	timeout        time.Duration
}

type deciderClient struct {
	*decider.Client
	turn int // the latest that it was asked for in
}

// of returns the clients that a configuration names, by owner. adopted is to be
// called when no others are in use any more.
func (d *deciders) of(cfg config.Sweeper) (clients map[string]sweeper.Decider, adopted func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.clients == nil {
		d.clients = map[deciderKey]*deciderClient{}
	}
	d.turn++
	turn := d.turn
	clients = make(map[string]sweeper.Decider, len(cfg.Deciders))
	for owner, address := range cfg.Deciders {
		key := deciderKey{owner, address, cfg.DeciderTimeout}
		client := d.clients[key]
		if client == nil {
			made, err := decider.New(address, d.trust(owner, cfg.DeciderTimeout))
			if err != nil {
				return nil, nil, fmt.Errorf("make the decider of owner %s: %w", owner, err)
			}
			client = &deciderClient{Client: made}
			d.clients[key] = client
		}
		client.turn = turn
		clients[owner] = client
	}
	return clients, func() { d.closeBefore(turn) }, nil
}

// closeBefore closes the clients that nobody asked for since a turn.
func (d *deciders) closeBefore(turn int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, client := range d.clients {
		if client.turn < turn {
			_ = client.Close() // gives idle connections back, which cannot fail
			delete(d.clients, key)
		}
	}
}

// close closes all of them.
func (d *deciders) close(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, client := range d.clients {
		errs = append(errs, client.Close())
	}
	d.clients = nil
	return errors.Join(errs...)
}
