package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"stockhold/internal/faults"
	"stockhold/internal/faults/proxy"
)

// world is what a soak happens in: a site, its servers and a sweep command.
type world struct {
	site    *faults.Site
	servers []*faults.Server
	outages atomic.Int64 // how many faults keep a store away at this moment
	counter *counter
	commits atomic.Int64 // whose replies were lost

	mu      sync.Mutex
	sweeper *faults.Process
	past    []*faults.Process // sweepers that were killed
	doomed  map[Target]bool   // whom a fault is about to kill
	missed  map[int]bool      // processes that ended though nobody killed them
}

func openWorld(ctx context.Context, program *faults.Program) (*world, error) {
	site, err := faults.OpenSite(ctx, program, faults.SiteOptions{})
	if err != nil {
		return nil, err
	}
	w := &world{site: site, counter: newCounter(), doomed: map[Target]bool{}, missed: map[int]bool{}}
	for range servers {
		server, err := site.Host(ctx)
		if err != nil {
			return nil, errors.Join(err, site.Close())
		}
		w.servers = append(w.servers, server)
	}
	if err := w.sweep(); err != nil {
		return nil, errors.Join(err, site.Close())
	}
	return w, nil
}

func (w *world) close() error { return errors.Join(w.endSweeper(), w.site.Close()) }

// sweep starts a sweep command beside the sweepers in the servers.
func (w *world) sweep() error {
	p, err := w.site.Program.Launch(faults.Setup{Args: []string{"sweep"}, Env: w.site.Env()})
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sweeper = p
	return nil
}

// endSweeper kills the sweep command, if there is one.
func (w *world) endSweeper() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sweeper == nil {
		return nil
	}
	w.past = append(w.past, w.sweeper)
	err := w.sweeper.Close()
	w.sweeper = nil
	return err
}

// server is the one that a target names.
func (w *world) server(t Target) *faults.Server {
	for i, s := range w.servers {
		if t == server(i) {
			return s
		}
	}
	return nil
}

// link is the proxy that a target names; a server's is its callers' way to it.
func (w *world) link(t Target) *proxy.Proxy {
	switch t {
	case gateLink:
		return w.site.ToRedis
	case ledgerLink:
		return w.site.ToMySQL
	case deciderLink:
		return w.site.ToDecider
	}
	return w.server(t).Proxy
}

// heal ends whatever the faults left.
func (w *world) heal(ctx context.Context) error {
	errs := []error{w.site.HealProxies()}
	for _, s := range w.servers {
		errs = append(errs, s.Proxy.Heal())
	}
	errs = append(errs, w.endSweeper(), w.sweep())
	return errors.Join(errs...)
}

// doom says that a fault is about to kill a target, or has done so.
func (w *world) doom(t Target, doomed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.doomed[t] = doomed
}

// dead lists, once each, the processes that ended though nobody killed them.
func (w *world) dead() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	look := func(t Target, p *faults.Process) {
		select {
		case <-p.Ended():
		default:
			return
		}
		if !w.doomed[t] && !w.missed[p.Pid()] {
			w.missed[p.Pid()] = true
			all = append(all, fmt.Sprintf("%s, process %d, ended by itself", t, p.Pid()))
		}
	}
	for i, s := range w.servers {
		look(server(i), s.Process())
	}
	if w.sweeper != nil {
		look(theSweeper, w.sweeper)
	}
	return all
}

// processes are all that there were.
func (w *world) processes() (all []*faults.Process) {
	for _, s := range w.servers {
		all = append(all, s.Lives()...)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	all = append(all, w.past...)
	if w.sweeper != nil {
		all = append(all, w.sweeper)
	}
	return all
}
