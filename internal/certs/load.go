package certs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"stockhold/internal/livefile"
)

// Pair is the files of a certificate with its chain, and of its key. Both are
// PEM; they may be one file.
type Pair struct{ Cert, Key string }

func loadPair(w *livefile.Watch, name string, files Pair) (*livefile.Value[*tls.Certificate], error) {
	return livefile.Load(w, name, []string{files.Cert, files.Key}, func(contents [][]byte) (*tls.Certificate, error) {
		certificate, err := tls.X509KeyPair(contents[0], contents[1])
		if err != nil {
			return nil, err // which quotes neither file
		}
		if now := time.Now(); now.After(certificate.Leaf.NotAfter) {
			return nil, fmt.Errorf("the certificate expired on %s", certificate.Leaf.NotAfter.Format(time.RFC3339))
		}
		return &certificate, nil
	})
}

func loadAuthorities(w *livefile.Watch, name, file string) (*livefile.Value[*x509.CertPool], error) {
	return livefile.Load(w, name, []string{file}, func(contents [][]byte) (*x509.CertPool, error) {
		return parseAuthorities(contents[0])
	})
}

var errNoAuthority = errors.New("it holds no certificate")

// parseAuthorities is strict: a file in which one authority of several is damaged
// would otherwise shut out callers without a word.
func parseAuthorities(text []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	n := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("it holds a %s beside certificates", block.Type)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", n+1, err)
		}
		pool.AddCert(certificate)
		n++
	}
	if n == 0 {
		return nil, errNoAuthority
	}
	return pool, nil
}
