package workload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/bench/load"
	"stockhold/internal/bench/peers"
	"stockhold/internal/orders"
)

// How much of a source becomes the mix: enough that baskets differ, few enough
// to be kept in memory.
const mostBaskets = 5000

// Baskets are Trys of whole orders: the sales of a shop, in random order.
// origin says where they come from.
func Baskets(source orders.Source, origin string) (Workload, error) {
	var baskets [][]*stockholdv1.Line
	known := map[string]bool{}
	var stock []peers.Stock
	var lines []int
	for len(baskets) < mostBaskets {
		event, err := source.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Workload{}, err
		}
		if event.Kind != orders.Sale {
			continue
		}
		basket := make([]*stockholdv1.Line, len(event.Lines))
		for i, line := range event.Lines {
			basket[i] = &stockholdv1.Line{Sku: line.SKU, Quantity: int32(line.Quantity)}
			if !known[line.SKU] {
				known[line.SKU] = true
				stock = append(stock, peers.Stock{SKU: line.SKU, OnHand: Plenty})
			}
		}
		baskets = append(baskets, basket)
		lines = append(lines, len(basket))
	}
	if len(baskets) == 0 {
		return Workload{}, errors.New("the orders hold no sale")
	}
	slices.Sort(lines)
	slices.SortFunc(stock, func(a, b peers.Stock) int { return strings.Compare(a.SKU, b.SKU) })
	return Workload{
		Name: "baskets",
		About: fmt.Sprintf("Try of whole orders, from %s: %d baskets of %d lines in the median (most: %d), %d skus",
			origin, len(baskets), lines[len(lines)/2], lines[len(lines)-1], len(stock)),
		Stock: stock, Figure: Held,
		caller: func(client Client, ids *ids, random *rand.Rand) load.Caller {
			return func(ctx context.Context) load.Outcome {
				return try(ctx, client, &stockholdv1.TryRequest{ReservationId: ids.next(), Lines: baskets[random.IntN(len(baskets))]})
			}
		},
	}, nil
}
