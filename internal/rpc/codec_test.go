package rpc

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/conformance"
	"stockhold/reservation"
)

const tryPath = "/stockhold.v1.ReservationService/Try"

// A message that does not parse is refused like any other malformed call, in
// every way in which it can be sent.
func TestMessagesThatDoNotParse(t *testing.T) {
	for _, tt := range []struct{ name, contentType, body, describes string }{
		{"Connect", "application/proto", "\xff\xff", "is no message of this call: "},
		{"Connect, text that is no UTF-8", "application/proto", "\x0a\x02\xff\xfe", "invalid UTF-8"},
		{"JSON, cut off", "application/json", `{"reservation_id": "o-1"`, "is no JSON of this call: "},
		{"JSON, a wrong type", "application/json", `{"lines": [{"quantity": "many"}]}`, "invalid value for int32 field quantity"},
		{"JSON, a number too large", "application/json", `{"lines": [{"quantity": 2147483648}]}`, "invalid value for int32 field quantity"},
		{"JSON, a wrong duration", "application/json", `{"ttl": "soon"}`, "google.protobuf.Duration"},
		{"JSON, a wrong time", "application/json", `{"not_after": "tomorrow"}`, "google.protobuf.Timestamp"},
		{"JSON, a list for an object", "application/json", `[]`, "unexpected token ["},
		{"JSON, nothing", "application/json", ``, "is no JSON of this call: "},
		{"JSON, a field twice", "application/json", `{"owner": "a", "owner": "b"}`, "duplicate field"},
		{"JSON with a charset", "application/json; charset=utf-8", `{"owner": 1}`, "invalid value for string field owner"},
		{"gRPC", "application/grpc", enveloped("\xff\xff"), "is no message of this call: "},
		{"gRPC JSON", "application/grpc+json", enveloped(`{"owner": 1}`), "is no JSON of this call: "},
		{"gRPC as DTM sends it", "application/grpc+dtm_raw", enveloped("\xff\xff"), "is no message of this call: "},
		{"gRPC-Web", "application/grpc-web+proto", enveloped("\xff\xff"), "is no message of this call: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &domain{}
			a := post(t, conformance.H2CClient(t), serve(t, d, Options{})+tryPath, tt.contentType, tt.body)
			require.True(t, a.is("invalid_argument", 3), "%+v", a)
			require.Equal(t, stockholdv1.Reason_REASON_INVALID, a.refusal.GetReason())
			require.Len(t, a.refusal.GetViolations(), 1)
			require.Contains(t, a.refusal.GetViolations()[0].GetDescription(), tt.describes)
			for _, internal := range []string{"stockholdv1", "*", "proto:", "\u00a0"} {
				require.NotContains(t, a.message, internal)
			}
			require.Empty(t, d.tries)
		})
	}
}

// A misspelled word is refused with its place, though unknown fields are not.
func TestWordsThatJSONMayNotHave(t *testing.T) {
	d := &domain{answer: reservation.Answer{Reservation: &reservation.Reservation{State: reservation.Reserved}}}
	url := serve(t, d, Options{})
	client := conformance.HTTPClient(t)
	for _, tt := range []struct{ method, body, field string }{
		{"Try", `{"on_expiry": "ON_EXPIRY_RELEASSE"}`, "on_expiry"},
		{"Try", `{"onExpiry": "RELEASE", "tomorrow": 1}`, "on_expiry"},
		{"Confirm", `{"if_released": "RESERVE_AGAIN"}`, "if_released"},
		{"BatchTry", `{"requests": [{"on_expiry": "ON_EXPIRY_ASK"}, {"on_expiry": "on_expiry_ask"}]}`, "requests[1].on_expiry"},
		{"ListReservations", `{"states": ["STATE_RESERVED", "STATE_LOST"]}`, "states[1]"},
	} {
		a := post(t, client, url+"/stockhold.v1.ReservationService/"+tt.method, "application/json", tt.body)
		require.Equal(t, "invalid_argument", a.code, tt.body)
		require.Len(t, a.refusal.GetViolations(), 1, tt.body)
		require.Equal(t, tt.field, a.refusal.GetViolations()[0].GetField(), tt.body)
	}
	for _, body := range []string{
		`{"reservation_id": "o-1", "a_field_of_tomorrow": {"deep": [1, "FAILURE"]}}`,
		`{"reservation_id": "o-1", "lines": [{"sku": "mug", "colour": "red"}], "ttl": "60s", "tomorrow": null}`,
		`{"reservation_id": "o-1", "on_expiry": "ON_EXPIRY_RELEASE", "tomorrow": 1}`,
		`{"reservation_id": "o-1", "on_expiry": 2, "tomorrow": 1}`,
		`{"reservation_id": "o-1", "on_expiry": null, "tomorrow": 1}`,
	} {
		a := post(t, client, url+tryPath, "application/json", body)
		require.Equal(t, http.StatusOK, a.status, "%s: %s", body, a.body)
	}
	for _, request := range d.tries {
		require.Equal(t, "o-1", request.ID.ID)
	}
}

// What the codecs leave for the interceptor can be sent by anybody; it harms nobody.
func TestFaultsThatACallerMakesUp(t *testing.T) {
	m := &stockholdv1.TryRequest{ReservationId: "o-1"}
	require.NoError(t, leaveFaults(m, faults{{Field: "owner", Description: "is mine"}}))
	require.Empty(t, m.GetReservationId())
	left, ok := takeFaults(m)
	require.True(t, ok)
	require.Equal(t, "owner", left.GetViolations()[0].GetField())

	for _, unknown := range [][]byte{nil, {0x08}, {0xfa, 0xff, 0xff, 0xff, 0x0f}, {0xfa, 0xff, 0xff, 0xff, 0x0f, 0x05, 0x01}, {0xf8, 0xff, 0xff, 0xff, 0x0f, 0x01}} {
		m := &stockholdv1.TryRequest{}
		m.ProtoReflect().SetUnknown(unknown)
		_, ok := takeFaults(m)
		require.False(t, ok, "%x", unknown)
	}
}
