// Package certstest issues certificates for tests, and writes them to files.
package certstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Authority signs certificates.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	PEM         []byte // its own certificate
}

// NewAuthority makes one that nobody knows yet.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key := newKey(t)
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(raw)
	require.NoError(t, err)
	return &Authority{certificate: certificate, key: key, PEM: encode("CERTIFICATE", raw)}
}

// Certificate is what an authority issued, as PEM.
type Certificate struct{ Cert, Key []byte }

// Issue signs a certificate for servers on this machine and for clients alike.
// uris and names are its SANs; it is good from an hour ago until end.
func (a *Authority) Issue(t testing.TB, end time.Time, uris, names []string) Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: "common names say nothing"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: end,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    names,
	}
	for _, uri := range uris {
		u, err := url.Parse(uri)
		require.NoError(t, err)
		template.URIs = append(template.URIs, u)
	}
	if len(uris) == 0 && len(names) == 0 {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	key := newKey(t)
	raw, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return Certificate{Cert: encode("CERTIFICATE", raw), Key: encode("PRIVATE KEY", private)}
}

// Server is a certificate for 127.0.0.1.
func (a *Authority) Server(t testing.TB) Certificate {
	return a.Issue(t, time.Now().Add(time.Hour), nil, nil)
}

// Client is a certificate with one URI in it.
func (a *Authority) Client(t testing.TB, uri string) Certificate {
	return a.Issue(t, time.Now().Add(time.Hour), []string{uri}, nil)
}

// Pool trusts the authority.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// TLS is the certificate in the form that crypto/tls uses.
func (c Certificate) TLS(t testing.TB) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(c.Cert, c.Key)
	require.NoError(t, err)
	return pair
}

// Write puts a certificate and its key into a folder, over what was there.
func (c Certificate) Write(t testing.TB, folder string) (cert, key string) {
	t.Helper()
	cert, key = filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	require.NoError(t, os.WriteFile(cert, c.Cert, 0o600))
	require.NoError(t, os.WriteFile(key, c.Key, 0o600))
	return cert, key
}

// Write puts the authority's own certificate into a folder.
func (a *Authority) Write(t testing.TB, folder string) string {
	t.Helper()
	path := filepath.Join(folder, "ca.crt")
	require.NoError(t, os.WriteFile(path, a.PEM, 0o600))
	return path
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	return n
}

func encode(kind string, raw []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw})
}
