package faults

import (
	"context"
	"errors"
	"net/http"
	"time"

	"connectrpc.com/connect"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
)

// Client calls one server, over connections of its own.
type Client struct {
	stockholdv1connect.ReservationServiceClient
	Stock     stockholdv1connect.InventoryServiceClient
	transport *http.Transport
}

// NewClient makes a client of the server at a URL. It repeats nothing by itself,
// and has no time limit but its callers' contexts.
func NewClient(url string) *Client {
	return newClient(url, &http.HTTP2Config{StrictMaxConcurrentRequests: true})
}

// newWaryClient makes one that gives up a connection on which it has heard nothing
// for two seconds. Without that, one that became silent is used for ever.
func newWaryClient(url string) *Client {
	return newClient(url, &http.HTTP2Config{SendPingTimeout: time.Second, PingTimeout: time.Second})
}

func newClient(url string, config *http.HTTP2Config) *Client {
	transport := &http.Transport{Protocols: new(http.Protocols), HTTP2: config}
	transport.Protocols.SetUnencryptedHTTP2(true)
	return NewClientOver(url, transport)
}

// NewClientOver is NewClient with connections of another kind.
func NewClientOver(url string, transport *http.Transport) *Client {
	client := &http.Client{Transport: transport}
	return &Client{
		ReservationServiceClient: stockholdv1connect.NewReservationServiceClient(client, url),
		Stock:                    stockholdv1connect.NewInventoryServiceClient(client, url),
		transport:                transport,
	}
}

// Close closes the client's idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// stockPatience is how long a busy server is asked to put goods on the shelf.
const stockPatience = time.Minute

// SetStock makes a row of a sku with so many units. It may come twice, for the
// figure is absolute.
func (c *Client) SetStock(ctx context.Context, sku string, units int64) error {
	_, err := Persist(ctx, stockPatience, func(ctx context.Context) (*stockholdv1.SetStockResponse, error) {
		return c.Stock.SetStock(ctx, &stockholdv1.SetStockRequest{Sku: sku, OnHand: units})
	})
	return err
}

// Refusal finds the typed refusal in an error, or returns nil: there was no
// answer, or one that no caller is promised.
func Refusal(err error) *stockholdv1.Refusal {
	var status *connect.Error
	if !errors.As(err, &status) {
		return nil
	}
	for _, detail := range status.Details() {
		if value, err := detail.Value(); err == nil {
			if refusal, ok := value.(*stockholdv1.Refusal); ok {
				return refusal
			}
		}
	}
	return nil
}

// Final reports whether an error is an answer by the state table: repeating the
// call changes nothing. Everything else - a store that is away, a queue that is
// full, a connection that broke - leaves it open what happened.
func Final(err error) bool {
	switch Refusal(err).GetReason() {
	case stockholdv1.Reason_REASON_UNSPECIFIED, stockholdv1.Reason_REASON_OVERLOADED,
		stockholdv1.Reason_REASON_UNAVAILABLE, stockholdv1.Reason_REASON_DEADLINE_EXCEEDED, stockholdv1.Reason_REASON_INTERNAL:
		return false
	}
	return true
}
