package workload

import (
	"context"
	"fmt"
	"math/rand/v2"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/bench/load"
	"stockhold/internal/bench/peers"
)

// Singles are Trys of one unit of one of n skus.
func Singles(skus int) Workload {
	return Workload{
		Name: fmt.Sprintf("try-%d-skus", skus), About: fmt.Sprintf("Try of one unit of one of %d skus", skus),
		Stock: shelf("sku", skus, Plenty), Figure: Held,
		caller: func(client Client, ids *ids, random *rand.Rand) load.Caller {
			return func(ctx context.Context) load.Outcome {
				return try(ctx, client, oneUnit(ids.next(), skuName("sku", random.IntN(skus))))
			}
		},
	}
}

// Hot are Trys of one unit of one and the same sku.
func Hot() Workload {
	w := Singles(1)
	w.Name, w.About = "hot-sku", "Try of one unit of one and the same sku"
	return w
}

// Cycles are a Try of one unit, and the Confirm of it.
func Cycles(skus int) Workload {
	return Workload{
		Name: "cycles", About: fmt.Sprintf("Try of one unit of one of %d skus, then Confirm", skus),
		Stock: shelf("sku", skus, Plenty), Figure: Taken,
		caller: func(client Client, ids *ids, random *rand.Rand) load.Caller {
			return func(ctx context.Context) load.Outcome {
				request := oneUnit(ids.next(), skuName("sku", random.IntN(skus)))
				outcome := try(ctx, client, request)
				if outcome.Accepted == 0 {
					return outcome
				}
				taken := confirm(ctx, client, request.GetReservationId())
				outcome.Confirmed, outcome.Err = taken.Confirmed, taken.Err
				return outcome
			}
		},
	}
}

// What of a hundred Trys finds nothing, or was sent before.
const (
	refusedInHundred   = 98
	repeatedInHundred  = 5
	soldOutSKUs        = 980
	restockedSKUs      = 20
	rememberedRequests = 64
)

// Refused are Trys of which 98 in 100 are for skus that are sold out.
func Refused() Workload {
	return Workload{
		Name: "refused", About: fmt.Sprintf("Try of one unit; %d %% are for skus that are sold out", refusedInHundred),
		Stock: append(shelf("gone", soldOutSKUs, 0), shelf("sku", restockedSKUs, Plenty)...), Figure: Refusals,
		caller: func(client Client, ids *ids, random *rand.Rand) load.Caller {
			return func(ctx context.Context) load.Outcome {
				sku := skuName("sku", random.IntN(restockedSKUs))
				if random.IntN(100) < refusedInHundred {
					sku = skuName("gone", random.IntN(soldOutSKUs))
				}
				return try(ctx, client, oneUnit(ids.next(), sku))
			}
		},
	}
}

// Duplicates are Trys of which 5 in 100 were sent before, and answered.
func Duplicates(skus int) Workload {
	return Workload{
		Name: "duplicates", About: fmt.Sprintf("Try of one unit of one of %d skus; %d %% repeat one of the caller's last %d", skus, repeatedInHundred, rememberedRequests),
		Stock: shelf("sku", skus, Plenty), Figure: Answered,
		caller: func(client Client, ids *ids, random *rand.Rand) load.Caller {
			var remembered []*stockholdv1.TryRequest
			return func(ctx context.Context) load.Outcome {
				if len(remembered) > 0 && random.IntN(100) < repeatedInHundred {
					return repeat(ctx, client, remembered[random.IntN(len(remembered))])
				}
				request := oneUnit(ids.next(), skuName("sku", random.IntN(skus)))
				outcome := try(ctx, client, request)
				if outcome.Accepted > 0 {
					remembered = append(remembered, request)
					remembered = remembered[max(0, len(remembered)-rememberedRequests):]
				}
				return outcome
			}
		},
	}
}

// repeat expects a replay: a second hold under one id would be wrong.
func repeat(ctx context.Context, client Client, request *stockholdv1.TryRequest) load.Outcome {
	outcome := try(ctx, client, request)
	if outcome.Accepted > 0 {
		outcome = load.Outcome{Err: fmt.Errorf("the Try of %s was repeated and held once more", request.GetReservationId())}
	}
	return outcome
}

func oneUnit(id, sku string) *stockholdv1.TryRequest {
	return &stockholdv1.TryRequest{ReservationId: id, Lines: []*stockholdv1.Line{{Sku: sku, Quantity: 1}}}
}

// Units limits every row to so many units, for peers that have a row for each.
func Units(stock []peers.Stock, each int64) []peers.Stock {
	limited := make([]peers.Stock, len(stock))
	for i, s := range stock {
		limited[i] = peers.Stock{SKU: s.SKU, OnHand: min(s.OnHand, each)}
	}
	return limited
}
