package certs

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	"stockhold/internal/livefile"
)

// Server is the side that shows a certificate to callers and verifies theirs.
type Server struct {
	pair        *livefile.Value[*tls.Certificate]
	authorities *livefile.Value[*x509.CertPool] // nil: no client certificates

	mu       sync.Mutex
	version  uint64                          // of the authorities that verified
	verified map[[sha256.Size]byte]time.Time // until when each client certificate is good
}

// mostVerified bounds what is remembered of client certificates. Beyond it all is
// forgotten and verified again.
const mostVerified = 4096

// NewServer loads a certificate and, unless clientCA is empty, the authorities of
// client certificates.
func NewServer(w *livefile.Watch, pair Pair, clientCA string) (*Server, error) {
	s := &Server{verified: map[[sha256.Size]byte]time.Time{}}
	var err error
	if s.pair, err = loadPair(w, "the server's certificate", pair); err != nil {
		return nil, err
	}
	if clientCA != "" {
		if s.authorities, err = loadAuthorities(w, "the authorities of client certificates", clientCA); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Config is for a listener of HTTP/1 and HTTP/2.
func (s *Server) Config() *tls.Config {
	config := &tls.Config{
		MinVersion:             tls.VersionTLS12,
		NextProtos:             []string{"h2", "http/1.1"},
		SessionTicketsDisabled: true,
		GetCertificate:         func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.pair.Get(), nil },
	}
	if s.authorities == nil {
		return config
	}
	config.ClientAuth = tls.VerifyClientCertIfGiven
	config.ClientCAs = s.authorities.Get()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		current := config.Clone()
		current.GetConfigForClient = nil
		current.ClientCAs = s.authorities.Get()
		return current, nil
	}
	return config
}

// Verify returns the certificate that the other side of a connection proved to
// have, nil for none. It is an error if the certificate is no longer good: it
// expired since, or its authority was taken away.
func (s *Server) Verify(state *tls.ConnectionState) (*x509.Certificate, error) {
	if s.authorities == nil || state == nil || len(state.PeerCertificates) == 0 {
		return nil, nil
	}
	leaf := state.PeerCertificates[0]
	key, now, version := sha256.Sum256(leaf.Raw), time.Now(), s.authorities.Version()
	if s.remembers(key, now, version) {
		return leaf, nil
	}
	intermediates := x509.NewCertPool()
	for _, certificate := range state.PeerCertificates[1:] {
		intermediates.AddCert(certificate)
	}
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots: s.authorities.Get(), Intermediates: intermediates, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		var invalid x509.CertificateInvalidError
		if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
			return nil, fmt.Errorf("the client certificate expired: %w", err)
		}
		return nil, fmt.Errorf("the client certificate is not good any more: %w", err)
	}
	s.remember(key, earliestEnd(chains), version)
	return leaf, nil
}

// earliestEnd is until when the longest-lived of the chains is good.
func earliestEnd(chains [][]*x509.Certificate) time.Time {
	var best time.Time
	for _, chain := range chains {
		end := chain[0].NotAfter
		for _, certificate := range chain[1:] {
			if certificate.NotAfter.Before(end) {
				end = certificate.NotAfter
			}
		}
		if end.After(best) {
			best = end
		}
	}
	return best
}

func (s *Server) remembers(key [sha256.Size]byte, now time.Time, version uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	until, found := s.verified[key]
	return found && s.version == version && !now.After(until)
}

func (s *Server) remember(key [sha256.Size]byte, until time.Time, version uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version < s.version {
		return // the authorities changed while this one was verified
	}
	if version > s.version || len(s.verified) >= mostVerified {
		clear(s.verified)
		s.version = version
	}
	s.verified[key] = until
}
