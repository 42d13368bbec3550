package decider_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/internal/certstest"
	"stockhold/sweeper/decider"
)

// A decider may know stockhold by its certificate, or by a token; both are asked
// for when they are needed, so that they can be replaced.
func TestDecidersKnowWhoAsks(t *testing.T) {
	ours, theirs := certstest.NewAuthority(t), certstest.NewAuthority(t)
	var shown, token atomic.Value
	mux := http.NewServeMux()
	path, handler := stockholdv1connect.NewDecisionServiceHandler(service(
		func(context.Context, *stockholdv1.DecideRequest) (*stockholdv1.DecideResponse, error) {
			return &stockholdv1.DecideResponse{}, nil
		}))
	mux.Handle(path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown.Store(r.TLS.PeerCertificates[0].URIs[0].String())
		token.Store(r.Header.Get("Authorization"))
		handler.ServeHTTP(w, r)
	}))
	server := httptest.NewUnstartedServer(mux)
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ours.Pool(), Certificates: []tls.Certificate{theirs.Server(t).TLS(t)}}
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)

	certificate, word := ours.Client(t, "spiffe://cluster/stockhold").TLS(t), "first"
	options := decider.Options{
		TLS: func() *tls.Config {
			return &tls.Config{RootCAs: theirs.Pool(), Certificates: []tls.Certificate{certificate}}
		},
		Token: func() string { return word },
	}
	c := client(t, server.URL, options)
	_, err := ask(t, c, "1")
	require.NoError(t, err)
	require.Equal(t, "spiffe://cluster/stockhold", shown.Load())
	require.Equal(t, "Bearer first", token.Load())

	word = "second"
	_, err = ask(t, c, "1")
	require.NoError(t, err)
	require.Equal(t, "Bearer second", token.Load())

	certificate = ours.Client(t, "spiffe://cluster/stockhold-2").TLS(t)
	require.Eventually(t, func() bool {
		// The next request connects anew, unless the connection was not idle yet.
		closed := c.Close()
		_, err := ask(t, c, "1")
		return closed == nil && err == nil && shown.Load() == "spiffe://cluster/stockhold-2"
	}, 30*time.Second, 10*time.Millisecond)

	certificate = certstest.NewAuthority(t).Client(t, "spiffe://cluster/stockhold").TLS(t)
	_, err = ask(t, client(t, server.URL, options), "1")
	require.Error(t, err)
}

// A decider cannot have stockhold call a port of its own machine, nor hand its
// token on, whatever it answers.
func TestRedirectsToALocalPortAreRefused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	reached := make(chan struct{}, 1)
	go func() {
		if conn, err := listener.Accept(); err == nil {
			_ = conn.Close()
			reached <- struct{}{}
		}
		close(reached)
	}()
	for _, header := range []string{"Location", "Refresh", "Alt-Svc"} {
		server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			value := "http://" + listener.Addr().String() + "/admin"
			if header == "Alt-Svc" {
				value = `h2="` + listener.Addr().String() + `"`
			}
			w.Header().Set(header, value)
			w.WriteHeader(http.StatusTemporaryRedirect)
			_, _ = io.WriteString(w, "go there")
		}))
		c := client(t, server.URL, decider.Options{Token: func() string { return "hunter2" }})
		for range 2 {
			_, err := ask(t, c, "1")
			require.Error(t, err, header)
			require.NotContains(t, err.Error(), "hunter2")
		}
	}
	require.NoError(t, listener.Close())
	_, was := <-reached
	require.False(t, was, "somebody called the local port")
}

// A decider that repeats what it was shown does not get the token into a log.
func TestTokensAreNotRepeated(t *testing.T) {
	server := connectServer(t, func(context.Context, *stockholdv1.DecideRequest) (*stockholdv1.DecideResponse, error) {
		return nil, connect.NewError(connect.CodeUnauthenticated, errors.New("Bearer hunter2 is nobody"))
	})
	_, err := ask(t, client(t, server.URL, decider.Options{Token: func() string { return "hunter2" }}), "1")
	require.ErrorContains(t, err, "Bearer *** is nobody")
	require.NotContains(t, err.Error(), "hunter2")
	require.Equal(t, connect.CodeUnauthenticated, connect.CodeOf(err))
}

func TestTokensAreNotSentInClear(t *testing.T) {
	for address, good := range map[string]bool{
		"https://orders.internal": true, "http://127.0.0.1:8080": true, "http://localhost": true, "http://[::1]": true,
		"http://orders.internal": false, "http://10.0.0.1": false, "http://127.0.0.1.evil.example": false,
	} {
		_, err := decider.New(address, decider.Options{Token: func() string { return "x" }})
		require.Equal(t, good, err == nil, "%s: %v", address, err)
	}
}
