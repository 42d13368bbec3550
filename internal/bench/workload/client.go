package workload

import (
	"context"
	"errors"
	"net/http"
	"time"

	"connectrpc.com/connect"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/internal/bench/load"
)

// callTimeout is every call's deadline.
const callTimeout = 20 * time.Second

// Dial makes clients of the services at the urls, so many connections to each:
// protobuf over unencrypted HTTP/2, in the Connect protocol or in gRPC's.
// Callers are spread over them in turn. close gives the connections back.
func Dial(urls []string, connections int, grpc bool) (clients []Client, close func()) {
	var options []connect.ClientOption
	if grpc {
		options = append(options, connect.WithGRPC())
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	var transports []*http.Transport
	for range connections {
		for _, url := range urls {
			transport := &http.Transport{Protocols: protocols, DisableCompression: true}
			transports = append(transports, transport)
			clients = append(clients, stockholdv1connect.NewReservationServiceClient(&http.Client{Transport: transport}, url, options...))
		}
	}
	return clients, func() {
		for _, t := range transports {
			t.CloseIdleConnections()
		}
	}
}

// try makes one Try and sorts its answer.
func try(ctx context.Context, client Client, request *stockholdv1.TryRequest) load.Outcome {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	response, err := client.Try(ctx, request)
	switch {
	case err != nil:
		return failure(err)
	case response.GetReservation().GetState() != stockholdv1.State_STATE_RESERVED:
		return load.Outcome{Err: errors.New("a Try was answered OK, but holds nothing: " + response.String())}
	case response.GetReplayed():
		return load.Outcome{Replayed: 1}
	default:
		return load.Outcome{Accepted: 1}
	}
}

// confirm makes one Confirm: Confirmed is 1 or there is an error.
func confirm(ctx context.Context, client Client, id string) load.Outcome {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	response, err := client.Confirm(ctx, &stockholdv1.ConfirmRequest{ReservationId: id})
	switch {
	case err != nil:
		return load.Outcome{Err: err} // whatever it is: a fresh hold can be confirmed
	case response.GetReservation().GetState() != stockholdv1.State_STATE_CONFIRMED:
		return load.Outcome{Err: errors.New("a Confirm was answered OK, but took nothing: " + response.String())}
	default:
		return load.Outcome{Confirmed: 1}
	}
}

// failure tells a refusal for want of stock from everything else.
func failure(err error) load.Outcome {
	var status *connect.Error
	if errors.As(err, &status) && status.Code() == connect.CodeFailedPrecondition {
		for _, detail := range status.Details() {
			if value, err := detail.Value(); err == nil {
				if refusal, ok := value.(*stockholdv1.Refusal); ok && isShort(refusal) {
					return load.Outcome{Refused: 1}
				}
			}
		}
	}
	return load.Outcome{Err: err}
}

// isShort looks for the figure that makes a refusal of stock worth something.
func isShort(refusal *stockholdv1.Refusal) bool {
	return refusal.GetReason() == stockholdv1.Reason_REASON_INSUFFICIENT_STOCK && len(refusal.GetShortages()) > 0
}
