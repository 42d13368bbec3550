// Package workload is what callers ask for: what stock there is, and which calls
// are made one after another. The same calls go to stockhold and to every peer.
package workload

import (
	"fmt"
	"math/rand/v2"

	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/internal/bench/load"
	"stockhold/internal/bench/peers"
)

// Workload is one kind of traffic.
type Workload struct {
	Name   string
	About  string
	Stock  []peers.Stock // what must be there; none of it runs out unless that is the point
	Figure Figure        // what is counted
	Size   int           // reservations per call; 0 is 1

	// caller makes one caller. random is its own.
	caller func(client Client, ids *ids, random *rand.Rand) load.Caller
}

// Client is how a caller reaches a service.
type Client = stockholdv1connect.ReservationServiceClient

// Figure is which answers count as operations. Refusals never count together
// with what was accepted.
type Figure string

// The figures.
const (
	Held     Figure = "reservations held"
	Taken    Figure = "cycles (held and confirmed)"
	Refusals Figure = "refusals"
	Answered Figure = "reservations held or replayed"
)

// Of counts operations.
func (f Figure) Of(t load.Tally) int64 {
	switch f {
	case Taken:
		return t.Confirmed
	case Refusals:
		return t.Refused
	case Answered:
		return t.Accepted + t.Replayed
	default:
		return t.Accepted
	}
}

// Callers makes n callers that share the clients. cell and seed make their ids
// and their choices: no two cells of a run may have the same.
func (w Workload) Callers(n int, clients []Client, seed, cell uint64) []load.Caller {
	callers := make([]load.Caller, n)
	for i := range callers {
		random := rand.New(rand.NewPCG(seed, cell<<20|uint64(i)))
		callers[i] = w.caller(clients[i%len(clients)], &ids{random: rand.New(rand.NewPCG(seed^0x1d5, cell<<20|uint64(i)))}, random)
	}
	return callers
}

// shelf is n skus with as many units each.
func shelf(name string, n int, onHand int64) []peers.Stock {
	stock := make([]peers.Stock, n)
	for i := range stock {
		stock[i] = peers.Stock{SKU: skuName(name, i), OnHand: onHand}
	}
	return stock
}

// skuName is one name of a shelf.
func skuName(shelf string, i int) string { return fmt.Sprintf("%s-%07d", shelf, i) }

// Plenty is a stock that no run can use up.
const Plenty = int64(1e11)
