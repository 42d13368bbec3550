package proxy_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/faults/proxy"
)

// A slowServer speaks HTTP/2 without TLS. Requests to /slow read all of their body and then wait for a turn.
type slowServer struct {
	*httptest.Server
	began, turn chan struct{}
}

func newSlowServer(t *testing.T) *slowServer {
	t.Helper()
	s := &slowServer{began: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The server answers a client that went away as well as any.
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/slow" {
			s.began <- struct{}{}
			<-s.turn
		}
		_, _ = io.WriteString(w, r.Proto)
	}))
	s.Config.Protocols = unencryptedHTTP2()
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func unencryptedHTTP2() *http.Protocols {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return protocols
}

func post(ctx context.Context, client *http.Client, p *proxy.Proxy, path, body string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.Addr()+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	request.GetBody = nil // The client must not repeat it.
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

// An answer over HTTP/2 is lost when it is there, not when the server says that it has room for more, or answers
// another request.
func TestLoseReplyOverHTTP2(t *testing.T) {
	for name, pattern := range map[string][]byte{"one": []byte("order-7"), "any": nil} {
		t.Run(name, func(t *testing.T) {
			noLeak(t)
			s := newSlowServer(t)
			p := start(t, s.Listener.Addr().String())
			transport := &http.Transport{Protocols: unencryptedHTTP2()}
			t.Cleanup(transport.CloseIdleConnections)
			client := &http.Client{Transport: transport}
			text, err := post(t.Context(), client, p, "/", "order-6")
			require.NoError(t, err)
			require.Equal(t, "HTTP/2.0", text)

			require.NoError(t, p.LoseReplies(1, pattern))
			answered := make(chan error, 1)
			go func() {
				_, err := post(t.Context(), client, p, "/slow", "order-7"+strings.Repeat("x", 1<<20))
				answered <- err
			}()
			<-s.began
			_, err = post(t.Context(), client, p, "/", "order-8")
			require.NoError(t, err, "another request on the same connection is answered")
			require.Equal(t, 1, p.Connections())
			require.Zero(t, p.Lost())
			require.Empty(t, answered)

			s.turn <- struct{}{}
			select {
			case err := <-answered:
				require.Error(t, err)
			case <-time.After(patience):
				require.Fail(t, "no answer")
			}
			require.Equal(t, 1, p.Lost())
			_, err = post(t.Context(), client, p, "/", "order-7")
			require.NoError(t, err)
		})
	}
}
