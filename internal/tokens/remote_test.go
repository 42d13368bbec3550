package tokens

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/tokenstest"
)

// keyServer counts who asks it.
type keyServer struct {
	*httptest.Server
	asked  atomic.Int64
	answer atomic.Pointer[http.HandlerFunc]
}

func serveKeys(t *testing.T, answer http.HandlerFunc) *keyServer {
	s := &keyServer{}
	s.answer.Store(&answer)
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		(*s.answer.Load())(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func keys(text []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) }
}

func (s *keyServer) remote(t *testing.T) *Remote {
	t.Helper()
	trust := s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	remote, err := NewRemote(s.URL, RemoteOptions{
		TLS:    func() *tls.Config { return &tls.Config{RootCAs: trust} },
		Bearer: func() string { return "let-me-in" },
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	return remote
}

func TestKeysAreFetched(t *testing.T) {
	issuer := tokenstest.New(t, "k1")
	server := serveKeys(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer let-me-in" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = w.Write(tokenstest.KeySet(t, issuer.Public()))
	})
	remote := server.remote(t)
	v := NewVerifier(remote, tokenstest.Name, []string{tokenstest.Audience})
	_, err := v.Subject(issuer.Token(t, "shop"))
	require.ErrorIs(t, err, ErrNoKeys)
	require.NoError(t, remote.Fetch(t.Context()))
	_, err = v.Subject(issuer.Token(t, "shop"))
	require.NoError(t, err)
}

// Whatever a key server answers instead leaves the keys as they were.
func TestBadKeyServers(t *testing.T) {
	issuer := tokenstest.New(t, "k1")
	elsewhere := serveKeys(t, keys(tokenstest.KeySet(t, tokenstest.New(t, "k1").Public())))
	server := serveKeys(t, keys(tokenstest.KeySet(t, issuer.Public())))
	remote := server.remote(t)
	require.NoError(t, remote.Fetch(t.Context()))
	v := NewVerifier(remote, tokenstest.Name, []string{tokenstest.Audience})
	for name, answer := range map[string]http.HandlerFunc{
		"an error":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"no keys":    keys([]byte(`{"keys":[]}`)),
		"a page":     keys([]byte("<html>sign in</html>")),
		"without end": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat(" ", maxKeySet+1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			server.answer.Store(&answer)
			require.Error(t, remote.Fetch(t.Context()))
			_, err := v.Subject(issuer.Token(t, "shop"))
			require.NoError(t, err)
		})
	}
	require.Zero(t, elsewhere.asked.Load())
}

// However many tokens name keys that nobody has, the key server is asked rarely;
// and a key that is new is fetched without waiting for the next round.
func TestTokensDoNotFetchKeys(t *testing.T) {
	issuer := tokenstest.New(t, "k1")
	server := serveKeys(t, keys(tokenstest.KeySet(t, issuer.Public())))
	remote := server.remote(t)
	remote.pause = 50 * time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { require.NoError(t, remote.Run(ctx)) })
	defer running.Wait()
	defer stop()
	v := NewVerifier(remote, tokenstest.Name, []string{tokenstest.Audience})
	require.Eventually(t, func() bool { _, err := v.Subject(issuer.Token(t, "shop")); return err == nil }, 30*time.Second, time.Millisecond)

	began := time.Now()
	forged := tokenstest.New(t, "k9").Token(t, "shop")
	for range 5000 {
		_, err := v.Subject(forged)
		require.ErrorIs(t, err, ErrForged)
	}
	most := 2 + int64(time.Since(began)/remote.pause)
	require.LessOrEqual(t, server.asked.Load(), most)

	next := tokenstest.New(t, "k2")
	answer := keys(tokenstest.KeySet(t, issuer.Public(), next.Public()))
	server.answer.Store(&answer)
	require.Eventually(t, func() bool { _, err := v.Subject(next.Token(t, "shop")); return err == nil }, 30*time.Second, time.Millisecond)
}

func TestKeyServersAreReachedSafely(t *testing.T) {
	for address, good := range map[string]bool{
		"https://issuer.test/keys":             true,
		"https://kubernetes.default.svc/v1/jw": true,
		"http://127.0.0.1:8080/keys":           true,
		"http://localhost/keys":                true,
		"http://[::1]/keys":                    true,
		"http://issuer.test/keys":              false,
		"http://10.0.0.1/keys":                 false,
		"https://user:hunter2@issuer.test":     false,
		"https:///keys":                        false,
		"file:///etc/passwd":                   false,
		"hunter2\n":                            false,
	} {
		err := CheckURL(address)
		require.Equal(t, good, err == nil, "%s: %v", address, err)
		if err != nil {
			require.NotContains(t, err.Error(), "hunter2")
		}
	}
}
