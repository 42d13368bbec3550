package rpc

import (
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/conformance"
	"stockhold/reservation"
)

const dtmQuery = "?gid=g1&trans_type=tcc&branch_id=01&op="

// branch makes a call as DTM does over gRPC.
func branch(t *testing.T, url, rpc, contentType string, payload []byte) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/stockhold.v1.ReservationService/"+rpc, strings.NewReader(enveloped(string(payload))))
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	for name, value := range map[string]string{"dtm-gid": "g1", "dtm-trans_type": "tcc", "dtm-branch_id": "01", "dtm-op": strings.ToLower(rpc)} {
		request.Header.Set(name, value)
	}
	return do(t, conformance.H2CClient(t), request)
}

// DTM stores one payload and sends it to Try, and then, with a codec of its own, to
// Confirm or Cancel.
func TestOnePayloadForAllThreeCallsOfABranch(t *testing.T) {
	d := &domain{answer: reservation.Answer{Reservation: &reservation.Reservation{HoldID: reservation.HoldID{Owner: "orders", ID: "o-1"}, State: reservation.Confirmed}}}
	url := serve(t, d, Options{})
	payload, err := proto.Marshal(&stockholdv1.TryRequest{ReservationId: "o-1", Owner: "orders", Lines: []*stockholdv1.Line{{Sku: "mug", Quantity: 2}}})
	require.NoError(t, err)
	for rpc, contentType := range map[string]string{"Try": "application/grpc", "Confirm": "application/grpc+dtm_raw", "Cancel": "application/grpc+dtm_raw"} {
		a := branch(t, url, rpc, contentType, payload)
		require.Equal(t, "0", a.code, rpc)
		require.Equal(t, contentType, a.header.Get("Content-Type"))
		body := &stockholdv1.TryResponse{}
		require.NoError(t, proto.Unmarshal([]byte(a.body)[prefixSize:], body))
		require.Equal(t, "o-1", body.GetReservation().GetReservationId())

		json := `{"reservation_id": "o-1", "owner": "orders", "lines": [{"sku": "mug", "quantity": 2}], "on_expiry": "ON_EXPIRY_RELEASE"}`
		a = post(t, conformance.HTTPClient(t), url+"/stockhold.v1.ReservationService/"+rpc+dtmQuery+strings.ToLower(rpc), "application/json", json)
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.NotContains(t, a.body, "FAILURE")
		require.NotContains(t, a.body, "ONGOING")
	}
	require.Len(t, d.tries, 2)
	require.Len(t, d.asked, 4)
	for _, request := range d.asked {
		require.Equal(t, reservation.HoldID{Owner: "orders", ID: "o-1"}, request.ID)
	}
}

// What DTM is told of each refusal: the codes that it reads are ABORTED, over HTTP
// 409, for a branch that failed, and FAILED_PRECONDITION for one still at work.
func TestRefusalsOfABranch(t *testing.T) {
	const aborted, precondition, notFound, unavailable = "10", "9", "5", "14"
	for _, tt := range []struct {
		rpc      string
		err      error
		grpc     string
		http     int
		ordinary string // without DTM's marks
	}{
		{"Try", &reservation.Refusal{Reason: reservation.InsufficientStock, Message: "short"}, aborted, 409, precondition},
		{"Try", &reservation.Refusal{Reason: reservation.WasCanceled, Message: "canceled"}, aborted, 409, precondition},
		{"Try", &reservation.Refusal{Reason: reservation.WasReleased, Message: "released"}, aborted, 409, precondition},
		{"Try", &reservation.Refusal{Reason: reservation.TooLate, Message: "late"}, aborted, 409, precondition},
		{"Try", &reservation.Refusal{Reason: reservation.ReusedID, Message: "reused"}, aborted, 409, "6"},
		{"Try", &reservation.Refusal{Reason: reservation.UnknownSKU, Message: "unknown"}, aborted, 409, notFound},
		{"Try", &reservation.Refusal{Reason: reservation.Invalid, Message: "invalid"}, aborted, 409, "3"},
		{"Try", &reservation.Refusal{Reason: reservation.Overloaded, Message: "full"}, "8", 429, "8"},
		{"Try", reservation.ErrUnavailable, unavailable, 503, unavailable},
		{"Try", reservation.ErrInDoubt, "4", 504, "4"},
		{"Confirm", &reservation.Refusal{Reason: reservation.NotFound, Message: "none"}, notFound, 404, notFound},
		{"Confirm", &reservation.Refusal{Reason: reservation.WasReleased, Message: "released"}, precondition, 400, precondition},
		{"Confirm", reservation.ErrUnavailable, unavailable, 503, unavailable},
		{"Cancel", &reservation.Refusal{Reason: reservation.AlreadyConfirmed, Message: "confirmed"}, precondition, 400, precondition},
		{"Cancel", &reservation.Refusal{Reason: reservation.Invalid, Message: "invalid"}, "3", 400, "3"},
	} {
		url := serve(t, &domain{answer: reservation.Answer{Err: tt.err}}, Options{})
		path := url + "/stockhold.v1.ReservationService/" + tt.rpc

		a := branch(t, url, tt.rpc, "application/grpc+dtm_raw", nil)
		require.Equal(t, tt.grpc, a.code, "%s: %v", tt.rpc, tt.err)
		require.NotNil(t, a.refusal, "the refusal stays")

		a = post(t, conformance.HTTPClient(t), path+dtmQuery+strings.ToLower(tt.rpc), "application/json", `{}`)
		require.Equal(t, tt.http, a.status, "%s: %v", tt.rpc, tt.err)
		require.NotNil(t, a.refusal)

		a = post(t, conformance.H2CClient(t), path, "application/grpc", enveloped(""))
		require.Equal(t, tt.ordinary, a.code, "a caller without DTM's marks: %s: %v", tt.rpc, tt.err)
	}
}

// Whatever the table says, or an interceptor: DTM must not take a Confirm or Cancel
// for a branch that failed.
func TestNoCodeOfConfirmAndCancelReadsAsFailed(t *testing.T) {
	for code := connect.CodeCanceled; code <= connect.CodeUnauthenticated; code++ {
		for _, rpc := range []string{"Confirm", "Cancel"} {
			require.NotContains(t, []connect.Code{connect.CodeAborted, connect.CodeAlreadyExists}, branchCode(rpc, code))
		}
		require.NotEqual(t, connect.CodeFailedPrecondition, branchCode("Try", code), "a Try is never still at work")
		require.Equal(t, code, branchCode("BatchTry", code))
		require.Equal(t, code, branchCode("GetReservation", code))
	}
}

// Half of the marks are somebody else's parameters.
func TestOnlyAllMarksMakeABranch(t *testing.T) {
	url := serve(t, &domain{answer: reservation.Answer{Err: &reservation.Refusal{Reason: reservation.TooLate, Message: "late"}}}, Options{})
	for query, status := range map[string]int{"": 400, "?gid=1": 400, "?gid=1&trans_type=tcc&branch_id=01": 400, dtmQuery: 400, dtmQuery + "try": 409} {
		require.Equal(t, status, post(t, conformance.HTTPClient(t), url+tryPath+query, "application/json", `{}`).status, query)
	}
}
