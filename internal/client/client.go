// Package client is the other side of the wire, for the commands that work against a
// running server: it connects, and makes of every way in which a call can fail one
// of a few kinds that a script can tell apart.
//
// [Client] holds the three services. A call through it is made once; [Repeat] makes
// it again while that can help, which is safe with the ids that every call carries.
// [Explain] turns what a call returned into a [Failure].
package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"connectrpc.com/connect"

	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/internal/certs"
	"stockhold/internal/livefile"
)

// Options say which server, and who calls. Empty fields take the defaults.
type Options struct {
	Server    string // base URL, http (HTTP/2 without TLS) or https; default http://127.0.0.1:8080
	TokenFile string // bearer token, read anew for each call: Kubernetes replaces it; default none
	ServerCA  string // PEM file of the authorities of an https server; default the system's
	Cert, Key string // PEM files of a certificate to show; default none
	Version   string // of this program, for the server's log
}

// DefaultServer is where a server that was told nothing listens.
const DefaultServer = "http://127.0.0.1:8080"

// Client calls one server. It is safe for concurrent use.
type Client struct {
	Reservations stockholdv1connect.ReservationServiceClient
	Inventory    stockholdv1connect.InventoryServiceClient
	Operator     stockholdv1connect.OperatorServiceClient

	server    string
	transport *http.Transport
}

// New makes a client. It connects with the first call. The files of a certificate
// and of authorities are read now.
func New(opts Options) (*Client, error) {
	server, err := parseServer(opts.Server)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		Protocols:           new(http.Protocols),
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     time.Minute,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 15 * time.Second}, // finds servers that are gone without a word
	}
	if server.Scheme == "https" {
		transport.Protocols.SetHTTP1(true)
		transport.Protocols.SetHTTP2(true)
		watch := livefile.NewWatch(0, slog.Default())
		identity, err := certs.NewClient(watch, "the server", opts.ServerCA, certs.Pair{Cert: opts.Cert, Key: opts.Key})
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = identity.Config()
	} else {
		transport.Protocols.SetUnencryptedHTTP2(true)
	}
	base := strings.TrimRight(server.String(), "/")
	plain := &http.Client{Transport: transport, CheckRedirect: refuseRedirect}
	with := connect.WithInterceptors(connect.UnaryInterceptorFunc((&caller{opts, server, transport.TLSClientConfig}).wrap))
	return &Client{
		Reservations: stockholdv1connect.NewReservationServiceClient(plain, base, with),
		Inventory:    stockholdv1connect.NewInventoryServiceClient(plain, base, with),
		Operator:     stockholdv1connect.NewOperatorServiceClient(plain, base, with),
		server:       base, transport: transport,
	}, nil
}

// Server is the base URL that is called.
func (c *Client) Server() string { return c.server }

// Close closes the connections. Calls must have ended.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// CheckServer says what is wrong with a server's address, or nil.
func CheckServer(server string) error {
	_, err := parseServer(server)
	return err
}

func parseServer(server string) (*url.URL, error) {
	if server == "" {
		server = DefaultServer
	}
	if strings.ContainsAny(server, "@?#") { // what follows or goes before may be a secret, which is not repeated
		return nil, errors.New("a server's address may hold no user, password, ? or #: want http://HOST:PORT or https://HOST:PORT, and a token's file")
	}
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no server's address: want http://HOST:PORT or https://HOST:PORT", server)
	}
	return u, nil
}

// refuseRedirect: a token is for the server that was named.
func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// caller says with each call who calls.
type caller struct {
	opts   Options
	server *url.URL
	tls    *tls.Config // nil: without
}

func (c *caller) wrap(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		request.Header().Set("User-Agent", "stockhold/"+c.opts.Version)
		if c.opts.TokenFile != "" {
			token, err := readToken(c.opts.TokenFile)
			if err != nil {
				return nil, err
			}
			request.Header().Set("Authorization", "Bearer "+token)
		}
		response, err := next(ctx, request)
		if failure := trial(ctx, c.server, c.tls, err); failure != nil {
			return nil, failure
		}
		return response, err
	}
}

const maxToken = 64 << 10 // bytes; a path that names something else is noticed

func readToken(path string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxToken {
		err = fmt.Errorf("%s has more than %d bytes", path, maxToken)
	}
	if err != nil {
		return "", &Failure{Kind: Unusable, Message: "the token cannot be read", Cause: err}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", &Failure{Kind: Unusable, Message: "the token cannot be read", Cause: err}
	}
	token := strings.TrimSpace(string(text))
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return "", &Failure{Kind: Unusable, Message: fmt.Sprintf("%s holds no token: want one word", path)}
	}
	return token, nil
}
