package rpc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/conformance"
	"stockhold/inventory"
	"stockhold/reservation"
)

// largeRefusals are the largest that the default limits allow.
func largeRefusals() map[string]*reservation.Refusal {
	var shortages []inventory.Shortage
	var lines []reservation.Line
	for i := range 2000 {
		key := inventory.Key{Location: fmt.Sprintf("%064d", i), SKU: strings.Repeat("s", 64)}
		shortages = append(shortages, inventory.Shortage{Key: key, Requested: 1e9, Available: -1e12})
		lines = append(lines, reservation.Line{Key: key, Quantity: 1e9})
	}
	var violations []reservation.Violation
	for i := range 20 {
		violations = append(violations, reservation.Violation{Field: indexed("lines", i), Description: strings.Repeat("ж", 150)})
	}
	held := &reservation.Reservation{HoldID: reservation.HoldID{Owner: strings.Repeat("o", 64), ID: strings.Repeat("i", 64)},
		State: reservation.Expired, Lines: lines, Reference: strings.Repeat("🛒", 255)}
	return map[string]*reservation.Refusal{
		"2,000 shortages":              {Reason: reservation.InsufficientStock, Message: "short", Shortages: shortages},
		"a reservation of 2,000 lines": {Reason: reservation.ReusedID, Message: "reused", Reservation: held},
		"both":                         {Reason: reservation.WasReleased, Message: "released", Reservation: held, Shortages: shortages},
		"20 long violations":           {Reason: reservation.Invalid, Message: "malformed", Violations: violations},
		"a long message":               {Reason: reservation.Stale, Message: strings.Repeat("ж", 5000)},
	}
}

// gRPC's own client, with the 8 KiB of headers that those of Java, Python and C++
// take by default.
func TestRefusalsFitTheHeadersOfGRPC(t *testing.T) {
	for name, refusal := range largeRefusals() {
		t.Run(name, func(t *testing.T) {
			url := serve(t, &domain{answer: reservation.Answer{Err: refusal}}, Options{})
			conn, err := grpc.NewClient(strings.TrimPrefix(url, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithMaxHeaderListSize(8<<10))
			require.NoError(t, err)
			defer conn.Close()
			err = conn.Invoke(t.Context(), tryPath, &stockholdv1.TryRequest{}, &stockholdv1.TryResponse{})
			answer := status.Convert(err)
			require.Equal(t, uint32(reasons[refusal.Reason].code), uint32(answer.Code()), "%v", err)
			detail := answer.Details()[0].(*stockholdv1.Refusal)
			require.Equal(t, reasons[refusal.Reason].wire, detail.GetReason())
			require.Equal(t, len(refusal.Shortages) > 0, len(detail.GetShortages()) > 0, "as many as fit")
			require.Equal(t, len(refusal.Violations) > 0, len(detail.GetViolations()) > 0, "as many as fit")
			require.Equal(t, refusal.Reservation != nil, detail.GetReservation() != nil)
			require.Empty(t, detail.GetReservation().GetLines(), "all or none")
		})
	}
}

// Connect has them in the body, and so has a batch over any protocol: whole.
func TestRefusalsInBodiesAreWhole(t *testing.T) {
	for name, refusal := range largeRefusals() {
		t.Run(name, func(t *testing.T) {
			url := serve(t, &domain{answer: reservation.Answer{Err: refusal}}, Options{})
			want := refusalToWire(refusal, reasons[refusal.Reason].wire, reasons[refusal.Reason].code)
			fourWays(t, url, func(t *testing.T, c conformance.Client) {
				batch, err := c.Reservations.BatchTry(t.Context(), &stockholdv1.BatchTryRequest{Requests: []*stockholdv1.TryRequest{{}}})
				require.NoError(t, err)
				require.True(t, proto.Equal(want.asFailure(), batch.GetOutcomes()[0].GetFailure()))
				if c.Name == "Connect" || c.Name == "JSON" {
					_, err := c.Reservations.Try(t.Context(), &stockholdv1.TryRequest{})
					require.True(t, proto.Equal(want.detail, conformance.RefusalOf(t, err)))
				}
			})
		})
	}
}

// What fits stays as it is.
func TestSmallRefusalsAreNotCut(t *testing.T) {
	small := &reservation.Refusal{Reason: reservation.WasReleased, Message: "released",
		Reservation: &reservation.Reservation{State: reservation.Expired, Lines: []reservation.Line{{Quantity: 1}}},
		Shortages:   []inventory.Shortage{{Requested: 1}}}
	cut := refusalToWire(small, stockholdv1.Reason_REASON_RELEASED, reasons[small.Reason].code)
	cut.fitHeaders()
	whole := refusalToWire(small, stockholdv1.Reason_REASON_RELEASED, reasons[small.Reason].code)
	require.True(t, proto.Equal(whole.detail, cut.detail))
	require.Equal(t, whole.message, cut.message)
}
