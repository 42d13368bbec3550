package peers

import (
	"context"
	"io"

	"stockhold/internal/rpc"
	"stockhold/reservation"
)

// noop answers at once and keeps nothing: what the RPC stack and the client can
// do at most. Its answers are as large as stockhold's.
type noop struct{}

var noopPeer = Peer{
	Name:    "noop",
	Source:  "a handler that does nothing: the ceiling of the RPC stack and of the client",
	Ceiling: true,
	open: func(context.Context, Stores) (rpc.Service, io.Closer, error) {
		return service{design: noop{}}, nothing{}, nil
	},
}

func (noop) try(_ context.Context, r reservation.TryRequest) reservation.Answer {
	return held(r, false)
}

func (noop) confirm(_ context.Context, id reservation.HoldID) reservation.Answer {
	return confirmed(id, false)
}
