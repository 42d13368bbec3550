package app

import (
	"context"
	"errors"

	"stockhold/inventory"
	"stockhold/reservation"
)

// noGate stands for gates that are out of reach: those inside of servers, seen
// by a command beside them. Nothing is frozen and nothing is told; the servers'
// gates learn of what was done when they next read the rows.
type noGate struct{}

var errOutOfReach = errors.New("the gate is inside of another process")

func (noGate) Freeze(_ context.Context, holds []inventory.Hold) []inventory.Freeze {
	results := make([]inventory.Freeze, len(holds))
	for i := range results {
		results[i] = inventory.Freeze{Outcome: inventory.Away, Err: errOutOfReach}
	}
	return results
}

func (noGate) Settle(context.Context, []inventory.View, []inventory.HoldID) error { return nil }

// gateFor is what the ledger and the service settle with.
func (s *Stores) gateFor() reservation.Gate {
	if s.Gate == nil {
		return noGate{}
	}
	return s.Gate
}
