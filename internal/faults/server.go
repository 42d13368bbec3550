package faults

import (
	"context"
	"sync"

	"stockhold/internal/faults/proxy"
	"stockhold/internal/testservers"
)

// Server is a process that is started again and again at one address, and a proxy
// through which its callers reach it. Its site closes it.
type Server struct {
	Proxy  *proxy.Proxy
	Client *Client // goes through the proxy, and gives up connections that became silent

	site   *Site
	listen string
	mu     sync.Mutex
	lives  []*Process
}

// Host starts a server that can be started again.
func (s *Site) Host(ctx context.Context) (*Server, error) {
	listen, release, err := testservers.LeasePort()
	if err != nil {
		return nil, err
	}
	s.onClose(release)
	server := &Server{site: s, listen: listen}
	if server.Proxy, err = s.proxyTo(listen); err != nil {
		return nil, err
	}
	server.Client = newWaryClient("http://" + server.Proxy.Addr())
	s.onClose(func() error { server.Client.Close(); return nil })
	return server, server.start(ctx)
}

func (s *Server) start(ctx context.Context) error {
	p, err := s.site.Serve(ctx, "--listen", s.listen)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lives = append(s.lives, p)
	return nil
}

// Process is the present one.
func (s *Server) Process() *Process {
	lives := s.Lives()
	return lives[len(lives)-1]
}

// Lives are all processes that there were, the present one last.
func (s *Server) Lives() []*Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Process(nil), s.lives...)
}

// Crash kills the process, if it still lives, and starts another in its place. In
// between, callers' connections are refused, as on a machine where nobody listens.
func (s *Server) Crash(ctx context.Context) error {
	if err := s.Process().Kill(); err != nil {
		return err
	}
	if err := s.Proxy.Refuse(); err != nil {
		return err
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	return s.Proxy.Heal()
}
