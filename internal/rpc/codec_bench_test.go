package rpc

import (
	"fmt"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/reservation"
)

// What it costs to read a Try and to write its answer, in each format.
func BenchmarkCodec(b *testing.B) {
	for _, codec := range []connect.Codec{codecs()[0], codecs()[2]} {
		for _, lines := range []int{1, 15} {
			request, response := benchMessages(lines)
			sent, err := codec.Marshal(request)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s/lines=%d/read", codec.Name(), lines), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := codec.Unmarshal(sent, &stockholdv1.TryRequest{}); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("%s/lines=%d/write", codec.Name(), lines), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := codec.Marshal(response); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// What it costs to put a Try into the domain's words, and a reservation into the wire's.
func BenchmarkConvert(b *testing.B) {
	for _, lines := range []int{1, 15} {
		request, _ := benchMessages(lines)
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			limits := reservation.DefaultLimits()
			b.ReportAllocs()
			for b.Loop() {
				try, err := tryFromWire(request, limits)
				if err != nil {
					b.Fatal(err)
				}
				reservationToWire(&reservation.Reservation{HoldID: try.ID, State: reservation.Reserved, Lines: try.Lines, CreatedAt: time.Unix(1, 0), ExpiresAt: time.Unix(2, 0)})
			}
		})
	}
}

func benchMessages(lines int) (*stockholdv1.TryRequest, *stockholdv1.TryResponse) {
	request := &stockholdv1.TryRequest{ReservationId: "0123456789abcdef01234567", Owner: "orders", Reference: "order 4711"}
	for i := range lines {
		request.Lines = append(request.Lines, &stockholdv1.Line{Sku: fmt.Sprintf("sku-%06d", i), LocationId: "berlin", Quantity: 1})
	}
	return request, &stockholdv1.TryResponse{Reservation: &stockholdv1.Reservation{
		ReservationId: request.GetReservationId(), Owner: request.GetOwner(), State: stockholdv1.State_STATE_RESERVED, Lines: request.GetLines(),
		Reference: request.GetReference(), CreatedAt: timestamppb.New(time.Unix(1, 0)), ExpiresAt: timestamppb.New(time.Unix(2, 0)),
	}}
}
