package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Bounds on what a connection may cost. A request's own time is the configured
// call timeout, which the service keeps.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second // a request and its body
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

// server answers HTTP/1 and unencrypted HTTP/2 on one port.
type server struct {
	http     *http.Server
	listener net.Listener
	calls    atomic.Int64 // under way
	log      *slog.Logger
}

func newServer(ctx context.Context, address string, callTimeout time.Duration, handler http.Handler, log *slog.Logger) (*server, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for calls: %w", err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s := &server{listener: listener, log: log}
	s.http = &http.Server{
		Handler:           s.counted(handler),
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, SendPingTimeout: pingAfter},
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      callTimeout + writeSlack,
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
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
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
