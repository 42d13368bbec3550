package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"
)

// Bounds on what a connection may cost. A request's own time is the configured
// call timeout, which the service keeps.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second // a request and its body: who sends slowly holds a place
	writeSlack        = 30 * time.Second // on top of the call timeout, for the answer to leave
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
	// Calls under way on one HTTP/2 connection: a gRPC client uses one for
	// everything, and the ledger is at its best when many calls share a batch.
	maxStreams = 1000
	// pingAfter finds HTTP/2 peers that are gone without a word.
	pingAfter = 30 * time.Second

	// cutPatience is how long handlers whose connection was closed may take to notice.
	cutPatience = 5 * time.Second
)

// serverOptions say where and how to listen.
type serverOptions struct {
	address     string
	callTimeout time.Duration
	connections int           // at once; 0: as many as come
	tls         *tls.Config   // nil: without
	readTimeout time.Duration // of a request and its body; 0: readTimeout
}

// server answers HTTP/1 and HTTP/2 on one port.
type server struct {
	http     *http.Server
	listener net.Listener
	calls    atomic.Int64 // under way
	log      *slog.Logger
}

func newServer(ctx context.Context, opts serverOptions, handler http.Handler, log *slog.Logger) (*server, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", opts.address)
	if err != nil {
		return nil, fmt.Errorf("listen for calls: %w", err)
	}
	if opts.connections > 0 {
		listener = netutil.LimitListener(listener, opts.connections)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(opts.tls != nil)
	protocols.SetUnencryptedHTTP2(opts.tls == nil)
	reading := cmp.Or(opts.readTimeout, readTimeout)
	s := &server{listener: listener, log: log}
	s.http = &http.Server{
		Handler:           s.counted(handler),
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, SendPingTimeout: pingAfter},
		ReadHeaderTimeout: min(readHeaderTimeout, reading),
		ReadTimeout:       reading,
		WriteTimeout:      opts.callTimeout + writeSlack,
		TLSConfig:         opts.tls,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what strangers send is no trouble of ours
	}
	return s, nil
}

func (s *server) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls.Add(1)
		defer s.calls.Add(-1)
		next.ServeHTTP(w, r)
	})
}

// serve answers until it is drained, and returns when ctx ends.
func (s *server) serve(ctx context.Context) error {
	serve := s.http.Serve
	if s.http.TLSConfig != nil {
		serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
	}
	if err := serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", s.listener.Addr(), err)
	}
	<-ctx.Done()
	return nil
}

// drain stops accepting, and gives the calls under way so long to be answered.
// Those that are not are cut off, which is an error: their callers do not know
// what became of them, and have to repeat them.
func (s *server) drain(patience time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err == nil {
		return nil
	}
	cut := s.calls.Load()
	err = s.http.Close()
	s.awaitCalls()
	if cut == 0 {
		return err // only connections that nobody was using were left
	}
	return errors.Join(fmt.Errorf("%d calls were not answered within %s and were cut off", cut, patience), err)
}

// awaitCalls waits for handlers whose connections were closed under them.
func (s *server) awaitCalls() {
	deadline := time.Now().Add(cutPatience)
	for s.calls.Load() > 0 {
		if time.Now().After(deadline) {
			s.log.Warn("calls do not end", "calls", s.calls.Load())
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}
