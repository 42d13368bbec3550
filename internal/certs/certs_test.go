package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/certs"
	"stockhold/internal/certstest"
	"stockhold/internal/leaktest"
	"stockhold/internal/livefile"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// site is a server with its files, which answers each request with what Verify says.
type site struct {
	watch    *livefile.Watch
	folder   string
	ours     *certstest.Authority // signs the server
	theirs   *certstest.Authority // signs clients
	address  string
	clientCA string
}

func newSite(t *testing.T) *site {
	s := &site{
		watch: livefile.NewWatch(0, slog.New(slog.DiscardHandler)), folder: t.TempDir(),
		ours: certstest.NewAuthority(t), theirs: certstest.NewAuthority(t),
	}
	cert, key := s.ours.Server(t).Write(t, s.folder)
	s.clientCA = s.theirs.Write(t, s.folder)
	server, err := certs.NewServer(s.watch, certs.Pair{Cert: cert, Key: key}, s.clientCA)
	require.NoError(t, err)
	web := &http.Server{
		TLSConfig: server.Config(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			certificate, err := server.Verify(r.TLS)
			switch {
			case err != nil:
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = io.WriteString(w, err.Error())
			case certificate != nil:
				_, _ = io.WriteString(w, certificate.URIs[0].String())
			}
		}),
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.address = listener.Addr().String()
	done := make(chan error, 1)
	go func() { done <- web.ServeTLS(listener, "", "") }()
	t.Cleanup(func() { require.NoError(t, web.Close()); <-done })
	return s
}

// visitor is a client with a certificate, or none.
func (s *site) visitor(t *testing.T, trust *x509.CertPool, own ...tls.Certificate) *http.Client {
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: trust, Certificates: own}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

func (s *site) visit(t *testing.T, client *http.Client) (status int, text string, protocol string, err error) {
	t.Helper()
	response, err := client.Get("https://" + s.address)
	if err != nil {
		return 0, "", "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body), response.Proto, nil
}

func TestWhoseCertificateIsVerified(t *testing.T) {
	s := newSite(t)
	status, text, protocol, err := s.visit(t, s.visitor(t, s.ours.Pool(), s.theirs.Client(t, "spiffe://shop/orders").TLS(t)))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "spiffe://shop/orders", text)
	require.Equal(t, "HTTP/2.0", protocol)

	status, text, _, err = s.visit(t, s.visitor(t, s.ours.Pool()))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, "a client may show none")
	require.Empty(t, text)

	stranger := certstest.NewAuthority(t)
	for name, certificate := range map[string]certstest.Certificate{
		"by a stranger": stranger.Client(t, "spiffe://shop/orders"),
		"expired":       s.theirs.Issue(t, time.Now().Add(-time.Minute), []string{"spiffe://shop/orders"}, nil),
	} {
		// The transport of net/http retries, and may only see that the connection is gone.
		own := certificate.TLS(t)
		client := s.visitor(t, s.ours.Pool())
		client.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate =
			func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }
		_, _, _, err = s.visit(t, client)
		require.Error(t, err, name)
	}
	_, _, _, err = s.visit(t, s.visitor(t, stranger.Pool()))
	require.ErrorContains(t, err, "unknown authority")
}

// A new certificate is shown to the next connection, and one that is broken to nobody.
func TestCertificatesAreReloaded(t *testing.T) {
	s := newSite(t)
	next := certstest.NewAuthority(t)
	_, _, _, err := s.visit(t, s.visitor(t, next.Pool()))
	require.Error(t, err)

	cert, _ := next.Server(t).Write(t, s.folder)
	require.NoError(t, s.watch.Reload())
	_, _, _, err = s.visit(t, s.visitor(t, next.Pool()))
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(cert, next.Server(t).Cert, 0o600)) // and another key than the one beside it
	require.ErrorContains(t, s.watch.Reload(), "the server's certificate")
	_, _, _, err = s.visit(t, s.visitor(t, next.Pool()))
	require.NoError(t, err)

	next.Issue(t, time.Now().Add(-time.Minute), nil, nil).Write(t, s.folder)
	require.ErrorContains(t, s.watch.Reload(), "expired")
	_, _, _, err = s.visit(t, s.visitor(t, next.Pool()))
	require.NoError(t, err)
}

// Connections outlive what was true when they began: once the authority is gone,
// its clients are strangers, on connections that they have open, too.
func TestAuthoritiesAreReloaded(t *testing.T) {
	s := newSite(t)
	old := s.visitor(t, s.ours.Pool(), s.theirs.Client(t, "spiffe://shop/orders").TLS(t))
	status, _, _, err := s.visit(t, old)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)

	next := certstest.NewAuthority(t)
	next.Write(t, s.folder)
	require.NoError(t, s.watch.Reload())
	status, text, _, err := s.visit(t, old)
	require.NoError(t, err, "the connection itself is still there")
	require.Equal(t, http.StatusUnauthorized, status)
	require.Contains(t, text, "not good any more")
	status, text, _, err = s.visit(t, s.visitor(t, s.ours.Pool(), next.Client(t, "spiffe://shop/next").TLS(t)))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "spiffe://shop/next", text)

	require.NoError(t, os.WriteFile(s.clientCA, append(next.PEM, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"...), 0o600))
	require.ErrorContains(t, s.watch.Reload(), "certificate 2")
}

// A certificate that expires on an open connection ends it for its owner.
func TestCertificatesExpireOnOpenConnections(t *testing.T) {
	s := newSite(t)
	end := time.Now().Add(8 * time.Second).Truncate(time.Second)
	client := s.visitor(t, s.ours.Pool(), s.theirs.Issue(t, end, []string{"spiffe://shop/orders"}, nil).TLS(t))
	status, _, _, err := s.visit(t, client)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Eventually(t, func() bool {
		status, text, _, err := s.visit(t, client)
		return err == nil && status == http.StatusUnauthorized && text != ""
	}, 30*time.Second, 100*time.Millisecond)
}

func TestFilesThatAreNone(t *testing.T) {
	w := livefile.NewWatch(0, slog.New(slog.DiscardHandler))
	folder := t.TempDir()
	authority := certstest.NewAuthority(t)
	cert, key := authority.Server(t).Write(t, folder)
	_, err := certs.NewServer(w, certs.Pair{Cert: key, Key: cert}, "")
	require.ErrorContains(t, err, "the server's certificate")
	_, err = certs.NewServer(w, certs.Pair{Cert: cert, Key: key}, key)
	require.ErrorContains(t, err, "PRIVATE KEY")
	_, err = certs.NewClient(w, "the deciders", folder+"/missing", certs.Pair{})
	require.ErrorContains(t, err, "the deciders")
}
