package certs

import (
	"crypto/tls"
	"crypto/x509"

	"stockhold/internal/livefile"
)

// Client is the side that calls: whom it trusts, and the certificate that it
// shows to those who ask for one.
type Client struct {
	authorities *livefile.Value[*x509.CertPool]   // nil: the system's
	pair        *livefile.Value[*tls.Certificate] // nil: none
}

// NewClient loads the authorities of servers (an empty ca: the system's) and a
// certificate of its own (an empty pair: none).
func NewClient(w *livefile.Watch, name, ca string, pair Pair) (*Client, error) {
	c := &Client{}
	var err error
	if ca != "" {
		if c.authorities, err = loadAuthorities(w, "the authorities of "+name, ca); err != nil {
			return nil, err
		}
	}
	if pair != (Pair{}) {
		if c.pair, err = loadPair(w, "the certificate for "+name, pair); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Config is for the next connection: authorities are fixed in it.
func (c *Client) Config() *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.authorities != nil {
		config.RootCAs = c.authorities.Get()
	}
	if c.pair != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.pair.Get(), nil }
	}
	return config
}
