package conformance

import (
	"net"
	"net/http"
	"testing"
	"time"

	"connectrpc.com/connect"

	"stockhold/gen/stockhold/v1/stockholdv1connect"
)

// Client speaks to a server in one of the four ways that the contract offers.
type Client struct {
	Name         string
	Reservations stockholdv1connect.ReservationServiceClient
	Inventory    stockholdv1connect.InventoryServiceClient
}

// Clients are the four ways: two protocols over HTTP/2 without TLS, as inside a
// mesh, and two over HTTP/1.1, as from a browser or a shell.
func Clients(t testing.TB, url string) []Client {
	plain, h2c := HTTPClient(t), H2CClient(t)
	return []Client{
		client("Connect", h2c, url),
		client("JSON", plain, url, connect.WithProtoJSON()),
		client("gRPC", h2c, url, connect.WithGRPC()),
		client("gRPC-Web", plain, url, connect.WithGRPCWeb()),
	}
}

func client(name string, httpClient *http.Client, url string, options ...connect.ClientOption) Client {
	return Client{
		Name:         name,
		Reservations: stockholdv1connect.NewReservationServiceClient(httpClient, url, options...),
		Inventory:    stockholdv1connect.NewInventoryServiceClient(httpClient, url, options...),
	}
}

// callTimeout bounds every call of the suite, so that a server that hangs fails a
// test and does not stop it.
const callTimeout = 5 * time.Minute

// HTTPClient speaks HTTP/1.1.
func HTTPClient(t testing.TB) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return newHTTPClient(t, protocols)
}

// H2CClient speaks HTTP/2 without TLS, from the first byte.
func H2CClient(t testing.TB) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return newHTTPClient(t, protocols)
}

func newHTTPClient(t testing.TB, protocols *http.Protocols) *http.Client {
	transport := &http.Transport{Protocols: protocols, MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: callTimeout}
}

// Serve answers HTTP/1.1 and HTTP/2 without TLS on a free port of 127.0.0.1 until
// the test ends, and returns the URL.
func Serve(t testing.TB, handler http.Handler) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: handler, Protocols: protocols, ReadHeaderTimeout: callTimeout}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close the server: %v", err)
		}
		<-done
	})
	return "http://" + listener.Addr().String()
}
