package rpc

import (
	"context"
	"testing"
	"time"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/conformance"
	"stockhold/inventory"
	"stockhold/reservation"
)

// What a call costs outside of the domain, client and network included. The
// tracing variant is with no tracer provider.
func BenchmarkTry(b *testing.B) {
	now := time.Now()
	d := &silent{&domain{answer: reservation.Answer{Reservation: &reservation.Reservation{
		HoldID: reservation.HoldID{Owner: "orders", ID: "o-1"}, State: reservation.Reserved, CreatedAt: now, ExpiresAt: now,
		Lines: []reservation.Line{{Key: inventory.Key{Location: "berlin", SKU: "mug"}, Quantity: 1}},
	}}}}
	for name, options := range map[string]Options{"plain": {}, "traced": {Trace: true}} {
		handler, err := Handler(d, options)
		if err != nil {
			b.Fatal(err)
		}
		url := conformance.Serve(b, handler)
		for _, c := range conformance.Clients(b, url) {
			b.Run(name+"/"+c.Name, func(b *testing.B) {
				request := &stockholdv1.TryRequest{ReservationId: "o-1", Owner: "orders", Lines: []*stockholdv1.Line{{Sku: "mug", LocationId: "berlin", Quantity: 1}}}
				b.ReportAllocs()
				b.SetParallelism(16)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if _, err := c.Reservations.Try(b.Context(), request); err != nil {
							b.Error(err)
						}
					}
				})
			})
		}
	}
}

// silent is a domain that does not remember what it was asked.
type silent struct{ *domain }

func (s *silent) Try(_ context.Context, requests []reservation.TryRequest) []reservation.Answer {
	return s.answers(len(requests))
}
