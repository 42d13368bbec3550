package workload

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/bench/load"
)

// Batches are BatchTrys of so many reservations of one unit each.
func Batches(skus, size int) Workload {
	return Workload{
		Name: fmt.Sprintf("batch-%d", size), About: fmt.Sprintf("BatchTry of %d reservations of one unit of one of %d skus", size, skus),
		Stock: shelf("sku", skus, Plenty), Figure: Held, Size: size,
		caller: func(client Client, ids *ids, random *rand.Rand) load.Caller {
			return func(ctx context.Context) load.Outcome {
				request := &stockholdv1.BatchTryRequest{Requests: make([]*stockholdv1.TryRequest, size)}
				for i := range request.Requests {
					request.Requests[i] = oneUnit(ids.next(), skuName("sku", random.IntN(skus)))
				}
				return batch(ctx, client, request)
			}
		},
	}
}

func batch(ctx context.Context, client Client, request *stockholdv1.BatchTryRequest) load.Outcome {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	response, err := client.BatchTry(ctx, request)
	if err != nil {
		return load.Outcome{Err: err}
	}
	var sum load.Outcome
	for _, outcome := range response.GetOutcomes() {
		switch result := outcome.GetResult().(type) {
		case *stockholdv1.ReservationOutcome_Success:
			if result.Success.GetReplayed() {
				sum.Replayed++
			} else {
				sum.Accepted++
			}
		case *stockholdv1.ReservationOutcome_Failure:
			if isShort(result.Failure.GetRefusal()) {
				sum.Refused++
			} else {
				sum.Err = errors.New("an item of a batch failed: " + result.Failure.GetMessage())
			}
		}
	}
	if n := len(response.GetOutcomes()); n != len(request.GetRequests()) {
		sum.Err = fmt.Errorf("a batch of %d was answered with %d outcomes", len(request.GetRequests()), n)
	}
	return sum
}
