package rpc

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/reservation"
)

// refusal is an answer that is not OK, as the wire has it: of a call an error
// with details, of an item of a batch a Failure.
type refusal struct {
	code    connect.Code
	message string
	detail  *stockholdv1.Refusal
	origin  *connect.Error // an interceptor's own error, answered as it is
}

func newRefusal(code connect.Code, reason stockholdv1.Reason, message string) *refusal {
	return &refusal{code: code, message: message, detail: &stockholdv1.Refusal{Reason: reason}}
}

// refusalToWire words a refusal of the domain. What was never begun for want of
// room may always be repeated, so it always says when.
func refusalToWire(r *reservation.Refusal, reason stockholdv1.Reason, code connect.Code) *refusal {
	out := newRefusal(code, reason, r.Error())
	out.detail.Shortages = shortagesToWire(r.Shortages)
	out.detail.Reservation = reservationToWire(r.Reservation)
	out.detail.Violations = violationsToWire(r.Violations)
	retryAfter := r.RetryAfter
	if retryAfter <= 0 && r.Reason == reservation.Overloaded {
		retryAfter = storeAwayFor()
	}
	return out.after(retryAfter)
}

// refusalOf takes over an interceptor's error. Where that says who may call, and
// brings no detail of its own, it gets ours.
func refusalOf(err *connect.Error) *refusal {
	out := &refusal{code: err.Code(), message: err.Message(), detail: detailOf(err), origin: err}
	if out.detail != nil {
		return out
	}
	out.detail = &stockholdv1.Refusal{}
	switch out.code {
	case connect.CodeUnauthenticated:
		out.detail.Reason = stockholdv1.Reason_REASON_UNAUTHENTICATED
	case connect.CodePermissionDenied:
		out.detail.Reason = stockholdv1.Reason_REASON_PERMISSION_DENIED
	default:
		return out
	}
	addDetail(err, out.detail)
	return out
}

func detailOf(err *connect.Error) *stockholdv1.Refusal {
	for _, detail := range err.Details() {
		if value, err := detail.Value(); err == nil {
			if ours, ok := value.(*stockholdv1.Refusal); ok {
				return ours
			}
		}
	}
	return nil
}

// after says when a repeat has a chance.
func (r *refusal) after(wait time.Duration) *refusal {
	if wait > 0 {
		r.detail.RetryAfter = durationpb.New(wait)
	}
	return r
}

// asError is the answer of a call.
func (r *refusal) asError() *connect.Error {
	if r.origin != nil && r.origin.Code() == r.code {
		return r.origin
	}
	err := connect.NewError(r.code, errors.New(r.message))
	addDetail(err, r.detail)
	if wait := r.detail.GetRetryAfter(); wait != nil {
		addDetail(err, &errdetails.RetryInfo{RetryDelay: wait})
	}
	return err
}

// addDetail attaches a detail. Only an invalid string could keep it from being
// marshaled, and strings that came by the wire or from the ledger are valid.
func addDetail(err *connect.Error, message proto.Message) {
	if detail, marshalErr := connect.NewErrorDetail(message); marshalErr == nil {
		err.AddDetail(detail)
	}
}

// What gRPC and gRPC-Web say of an error travels in headers, and many of their
// clients and proxies drop an answer with more than 8 KiB of those: the caller
// would not even learn the code. Base64 makes 4 bytes of 3, and the message is
// sent twice.
const (
	maxHeaderDetail  = 4 << 10 // of the refusal, before base64
	maxHeaderMessage = 512
)

// fitHeaders cuts a refusal to what headers can carry: the lines of the
// reservation in it go, as one list, for half of them would mislead; then the
// last shortages and violations, and the message says so.
func (r *refusal) fitHeaders() {
	if size := proto.Size(r.detail); size > maxHeaderDetail {
		if r.detail.GetReservation() != nil {
			r.detail.Reservation.Lines = nil
		}
		left := cutTo(&r.detail.Shortages, r.detail) + cutTo(&r.detail.Violations, r.detail)
		if left > 0 {
			r.message = fmt.Sprintf("%.400s (and %d more, which do not fit the headers of gRPC)", r.message, left)
		}
	}
	if len(r.message) > maxHeaderMessage {
		r.message = strings.ToValidUTF8(r.message[:maxHeaderMessage], "")
	}
}

// cutTo takes elements off the end of a list until the refusal that it is part of
// fits, and tells how many.
func cutTo[T proto.Message](list *[]T, of *stockholdv1.Refusal) (left int) {
	over := proto.Size(of) - maxHeaderDetail
	for n := len(*list); over > 0 && n > 0; n = len(*list) {
		over -= proto.Size((*list)[n-1]) + 2 // its tag and length
		*list = (*list)[:n-1]
		left++
	}
	return left
}

// asFailure is the answer of an item of a batch. Connect's codes have the numbers
// of google.rpc.Code.
func (r *refusal) asFailure() *stockholdv1.Failure {
	return &stockholdv1.Failure{Code: int32(r.code), Message: r.message, Refusal: r.detail}
}
