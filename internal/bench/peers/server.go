package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof" // profiles, for the asking; the server is of this machine alone
	"time"

	"stockhold/internal/rpc"
	"stockhold/internal/telemetry"
)

// How stockhold serves its calls (package app): the peers are served alike.
const (
	maxStreams   = 1000
	pingAfter    = 30 * time.Second
	drainTimeout = 10 * time.Second
)

// Serve answers calls on a port of its own until ctx ends, and says on out where.
func (p Peer) Serve(ctx context.Context, stores Stores, out io.Writer) (err error) {
	metrics, err := telemetry.Install() // measuring costs something: the peers pay it, too
	if err != nil {
		return err
	}
	served, closer, err := p.open(ctx, stores)
	if err != nil {
		return fmt.Errorf("open %s: %w", p.Name, err)
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	calls, err := rpc.Handler(served, rpc.Options{})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", metrics.Metrics)
	mux.Handle("/debug/pprof/", http.DefaultServeMux)
	mux.Handle("/", calls)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for calls: %w", err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Handler: mux, Protocols: protocols, ReadHeaderTimeout: 5 * time.Second,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams, SendPingTimeout: pingAfter},
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	if _, err := fmt.Fprintf(out, "{\"msg\":\"serving\",\"address\":%q}\n", listener.Addr()); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	}
	draining, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	return server.Shutdown(draining)
}
