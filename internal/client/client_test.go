package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/internal/certstest"
	"stockhold/internal/client"
)

// inventory answers GetStock as a test says.
type inventory struct {
	stockholdv1connect.UnimplementedInventoryServiceHandler
	answer func(ctx context.Context) error
}

func (i *inventory) GetStock(ctx context.Context, _ *stockholdv1.GetStockRequest) (*stockholdv1.GetStockResponse, error) {
	return &stockholdv1.GetStockResponse{}, i.answer(ctx)
}

func refused(code connect.Code, reason stockholdv1.Reason, after time.Duration) error {
	err := connect.NewError(code, errors.New("the server's words"))
	refusal := &stockholdv1.Refusal{Reason: reason}
	if after > 0 {
		refusal.RetryAfter = durationpb.New(after)
	}
	detail, _ := connect.NewErrorDetail(refusal)
	err.AddDetail(detail)
	return err
}

// serve answers with HTTP/2 without TLS, or with TLS.
func serve(t *testing.T, tls bool, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetHTTP2(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	if tls {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server
}

func handler(answer func(ctx context.Context) error) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(stockholdv1connect.NewInventoryServiceHandler(&inventory{answer: answer}))
	return mux
}

func open(t *testing.T, opts client.Options) *client.Client {
	t.Helper()
	c, err := client.New(opts)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func get(t *testing.T, c *client.Client) error {
	_, err := c.Inventory.GetStock(t.Context(), &stockholdv1.GetStockRequest{Sku: "mug"})
	return client.Explain(err)
}

// Each way to fail is one of a few kinds, by the reason; by the code where the
// server did not say one that is known.
func TestEveryFailureHasAKind(t *testing.T) {
	for _, tt := range []struct {
		err  error
		kind client.Kind
		says string
	}{
		{refused(connect.CodeFailedPrecondition, stockholdv1.Reason_REASON_INSUFFICIENT_STOCK, 0), client.Refused, "INSUFFICIENT_STOCK: the server's words"},
		{refused(connect.CodeNotFound, stockholdv1.Reason_REASON_NOT_FOUND, 0), client.Refused, "NOT_FOUND"},
		{refused(connect.CodeAborted, stockholdv1.Reason_REASON_STALE, 0), client.Refused, "STALE"},
		{refused(connect.CodeFailedPrecondition, stockholdv1.Reason(99), 0), client.Refused, "99"},
		{refused(connect.CodeInvalidArgument, stockholdv1.Reason_REASON_INVALID, 0), client.Unusable, "INVALID"},
		{refused(connect.CodeResourceExhausted, stockholdv1.Reason_REASON_BODY_TOO_LARGE, 0), client.Unusable, "BODY_TOO_LARGE"},
		{refused(connect.CodeResourceExhausted, stockholdv1.Reason_REASON_OVERLOADED, 1500*time.Millisecond), client.Unavailable, "Try again in 1.5s."},
		{refused(connect.CodeUnavailable, stockholdv1.Reason_REASON_UNAVAILABLE, time.Second), client.Unavailable, "Try again in 1s."},
		{refused(connect.CodeDeadlineExceeded, stockholdv1.Reason_REASON_DEADLINE_EXCEEDED, 0), client.Unavailable, "Try again."},
		{refused(connect.CodeUnauthenticated, stockholdv1.Reason_REASON_UNAUTHENTICATED, 0), client.Denied, "UNAUTHENTICATED"},
		{refused(connect.CodePermissionDenied, stockholdv1.Reason_REASON_PERMISSION_DENIED, 0), client.Denied, "PERMISSION_DENIED"},
		{refused(connect.CodeInternal, stockholdv1.Reason_REASON_INTERNAL, 0), client.Broken, "INTERNAL"},
		{connect.NewError(connect.CodeUnavailable, errors.New("a proxy's")), client.Unavailable, "cannot be reached"},
		{connect.NewError(connect.CodePermissionDenied, errors.New("a proxy's")), client.Denied, "a proxy's"},
		{connect.NewError(connect.CodeNotFound, errors.New("a proxy's")), client.Broken, "a proxy's"},
		{connect.NewError(connect.CodeUnimplemented, errors.New("")), client.Broken, "older version"},
	} {
		server := serve(t, false, handler(func(context.Context) error { return tt.err }))
		err := get(t, open(t, client.Options{Server: server.URL}))
		var failure *client.Failure
		require.ErrorAs(t, err, &failure)
		require.Equal(t, tt.kind, failure.Kind, "%v", tt.err)
		require.ErrorContains(t, err, tt.says)
	}
}

func TestAServerThatIsNotThere(t *testing.T) {
	server := serve(t, false, http.NotFoundHandler())
	url := server.URL
	c := open(t, client.Options{Server: url})
	var failure *client.Failure
	require.ErrorAs(t, get(t, c), &failure)
	require.Equal(t, client.Broken, failure.Kind, "what answers is no stockhold: %v", failure)
	server.Close()
	require.ErrorAs(t, get(t, c), &failure, "the connection that was there is gone")
	require.Equal(t, client.Unavailable, failure.Kind)
	require.ErrorAs(t, get(t, open(t, client.Options{Server: url})), &failure)
	require.Equal(t, client.Unavailable, failure.Kind)
	require.ErrorContains(t, failure, "cannot be reached")
}

// A call is repeated while it cannot be answered now, as long as patience goes; what
// is an answer is not repeated.
func TestRepeatEndsWithAnAnswer(t *testing.T) {
	var calls atomic.Int32
	var then error
	server := serve(t, false, handler(func(context.Context) error {
		if calls.Add(1) < 3 {
			return refused(connect.CodeResourceExhausted, stockholdv1.Reason_REASON_OVERLOADED, time.Millisecond)
		}
		return then
	}))
	c := open(t, client.Options{Server: server.URL})
	repeat := func(patience time.Duration) error {
		calls.Store(0)
		_, err := client.Repeat(t.Context(), patience, func(ctx context.Context) (*stockholdv1.GetStockResponse, error) {
			return c.Inventory.GetStock(ctx, &stockholdv1.GetStockRequest{})
		})
		return err
	}
	require.NoError(t, repeat(time.Minute))
	require.Equal(t, int32(3), calls.Load())
	then = refused(connect.CodeNotFound, stockholdv1.Reason_REASON_UNKNOWN_SKU, 0)
	var failure *client.Failure
	require.ErrorAs(t, repeat(time.Minute), &failure)
	require.Equal(t, "UNKNOWN_SKU", failure.Reason())
	require.Equal(t, int32(3), calls.Load())
	then = refused(connect.CodeUnavailable, stockholdv1.Reason_REASON_UNAVAILABLE, time.Hour)
	require.ErrorAs(t, repeat(10*time.Second), &failure, "an hour is more than there is patience for")
	require.Equal(t, client.Unavailable, failure.Kind)
}

func TestTokenIsReadForEachCall(t *testing.T) {
	var seen, agent atomic.Value
	inner := handler(func(context.Context) error { return nil })
	server := serve(t, false, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.Header.Get("Authorization"))
		agent.Store(r.Header.Get("User-Agent"))
		inner.ServeHTTP(w, r)
	}))
	file := filepath.Join(t.TempDir(), "token")
	c := open(t, client.Options{Server: server.URL, TokenFile: file, Version: "v7"})
	for _, token := range []string{"first", "second"} {
		require.NoError(t, os.WriteFile(file, []byte(token+"\n"), 0o600))
		require.NoError(t, get(t, c))
		require.Equal(t, "Bearer "+token, seen.Load())
		require.Equal(t, "stockhold/v7", agent.Load())
	}
	for _, wrong := range []string{"", "two words", strings.Repeat("x", 65<<10)} {
		require.NoError(t, os.WriteFile(file, []byte(wrong), 0o600))
		var failure *client.Failure
		require.ErrorAs(t, get(t, c), &failure)
		require.Equal(t, client.Unusable, failure.Kind)
	}
	require.NoError(t, os.Remove(file))
	require.ErrorContains(t, get(t, c), "the token cannot be read")
}

// Over TLS a server is believed that the named authorities vouch for, and no other;
// a redirect is not followed, for the token is not for everybody.
func TestServersWithTLS(t *testing.T) {
	server := serve(t, true, handler(func(context.Context) error { return nil }))
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pemOf(server), 0o600))
	require.NoError(t, get(t, open(t, client.Options{Server: server.URL, ServerCA: ca})))
	stranger := failureOf(t, get(t, open(t, client.Options{Server: server.URL})))
	require.ErrorContains(t, stranger, "--server-ca")
	require.Equal(t, client.Unusable, stranger.Kind, "no repeat makes a certificate trusted")

	plain := serve(t, false, handler(func(context.Context) error { return nil }))
	unsecured := failureOf(t, get(t, open(t, client.Options{Server: "https://" + plain.Listener.Addr().String(), ServerCA: ca})))
	require.Equal(t, client.Unusable, unsecured.Kind, "nor a server without TLS one with it: %v", unsecured)

	elsewhere := serve(t, false, http.RedirectHandler(server.URL, http.StatusTemporaryRedirect))
	require.Error(t, get(t, open(t, client.Options{Server: elsewhere.URL})))
}

// A server that does not take this caller's certificate, or wants one, denies: that is
// no server that is away, which scripts wait for.
func TestServersThatRefuseCertificates(t *testing.T) {
	asks := httptest.NewUnstartedServer(handler(func(context.Context) error { return nil }))
	asks.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: certstest.NewAuthority(t).Pool()}
	asks.EnableHTTP2 = true
	asks.Config.ErrorLog = log.New(io.Discard, "", 0)
	asks.StartTLS()
	t.Cleanup(asks.Close)
	folder := t.TempDir()
	ca := filepath.Join(folder, "ca.pem")
	require.NoError(t, os.WriteFile(ca, pemOf(asks), 0o600))
	cert, key := certstest.NewAuthority(t).Client(t, "spiffe://another/authority").Write(t, folder)
	for name, opts := range map[string]client.Options{
		"no certificate":      {Server: asks.URL, ServerCA: ca},
		"another authority's": {Server: asks.URL, ServerCA: ca, Cert: cert, Key: key},
	} {
		failure := failureOf(t, get(t, open(t, opts)))
		require.Equal(t, client.Denied, failure.Kind, "%s: %v", name, failure)
	}
}

func failureOf(t *testing.T, err error) *client.Failure {
	t.Helper()
	var failure *client.Failure
	require.ErrorAs(t, err, &failure)
	return failure
}

func TestAddressesThatAreNone(t *testing.T) {
	for _, address := range []string{
		"localhost:8080", "ftp://a", "http://", "http://ho st", "http://host#a",
		"http://u:hunter2@host", "http://u:hunter2@host:port", "u:hunter2@host", "http://host?token=hunter2",
	} {
		_, err := client.New(client.Options{Server: address})
		require.Error(t, err, address)
		require.NotContains(t, err.Error(), "hunter2")
	}
	require.NoError(t, client.CheckServer("https://stock.example/base/"))
}
