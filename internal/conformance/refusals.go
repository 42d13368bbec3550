package conformance

import (
	"errors"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// Codes are the code that each reason of a refusal comes with: the contract's
// table, copied here by hand, so that a change of the program's is a change.
var Codes = map[stockholdv1.Reason]connect.Code{
	stockholdv1.Reason_REASON_INSUFFICIENT_STOCK: connect.CodeFailedPrecondition,
	stockholdv1.Reason_REASON_CANCELED:           connect.CodeFailedPrecondition,
	stockholdv1.Reason_REASON_RELEASED:           connect.CodeFailedPrecondition,
	stockholdv1.Reason_REASON_ALREADY_CONFIRMED:  connect.CodeFailedPrecondition,
	stockholdv1.Reason_REASON_NOT_CONFIRMED:      connect.CodeFailedPrecondition,
	stockholdv1.Reason_REASON_ALREADY_FULFILLED:  connect.CodeFailedPrecondition,
	stockholdv1.Reason_REASON_TOO_LATE:           connect.CodeFailedPrecondition,
	stockholdv1.Reason_REASON_ID_REUSED:          connect.CodeAlreadyExists,
	stockholdv1.Reason_REASON_NOT_FOUND:          connect.CodeNotFound,
	stockholdv1.Reason_REASON_UNKNOWN_SKU:        connect.CodeNotFound,
	stockholdv1.Reason_REASON_STALE:              connect.CodeAborted,
	stockholdv1.Reason_REASON_INVALID:            connect.CodeInvalidArgument,
	stockholdv1.Reason_REASON_OVERLOADED:         connect.CodeResourceExhausted,
	stockholdv1.Reason_REASON_BODY_TOO_LARGE:     connect.CodeResourceExhausted,
	stockholdv1.Reason_REASON_UNAVAILABLE:        connect.CodeUnavailable,
	stockholdv1.Reason_REASON_DEADLINE_EXCEEDED:  connect.CodeDeadlineExceeded,
	stockholdv1.Reason_REASON_UNAUTHENTICATED:    connect.CodeUnauthenticated,
	stockholdv1.Reason_REASON_PERMISSION_DENIED:  connect.CodePermissionDenied,
	stockholdv1.Reason_REASON_INTERNAL:           connect.CodeInternal,
}

// RefusalOf takes the typed refusal out of an error, and checks all that holds for
// every refusal: the code is the reason's, there is one detail, a message for
// people, and a RetryInfo exactly where there is a retry_after.
func RefusalOf(t testing.TB, err error) *stockholdv1.Refusal {
	t.Helper()
	require.Error(t, err)
	var wire *connect.Error
	require.True(t, errors.As(err, &wire), "%v", err)
	require.NotEmpty(t, wire.Message())

	refusal, retry := detailsOf(t, wire)
	require.NotNil(t, refusal, "no refusal with: %v", err)
	require.Equal(t, Codes[refusal.GetReason()], wire.Code(), "the code of %s: %v", refusal.GetReason(), err)
	require.Equal(t, refusal.GetRetryAfter() != nil, retry != nil, "RetryInfo goes with retry_after: %v", err)
	if retry != nil {
		require.Equal(t, refusal.GetRetryAfter().AsDuration(), retry.GetRetryDelay().AsDuration())
		require.Positive(t, retry.GetRetryDelay().AsDuration())
	}
	checkRefusal(t, refusal)
	return refusal
}

func detailsOf(t testing.TB, wire *connect.Error) (refusal *stockholdv1.Refusal, retry *errdetails.RetryInfo) {
	t.Helper()
	for _, detail := range wire.Details() {
		value, err := detail.Value()
		require.NoError(t, err)
		switch value := value.(type) {
		case *stockholdv1.Refusal:
			require.Nil(t, refusal, "two refusals")
			refusal = value
		case *errdetails.RetryInfo:
			require.Nil(t, retry, "two RetryInfos")
			retry = value
		default:
			require.Fail(t, "a detail that the contract does not have", "%T", value)
		}
	}
	return refusal, retry
}

// checkRefusal checks that a refusal carries what its reason promises, and no more.
func checkRefusal(t testing.TB, r *stockholdv1.Refusal) {
	t.Helper()
	reason := r.GetReason()
	switch reason {
	case stockholdv1.Reason_REASON_INSUFFICIENT_STOCK, stockholdv1.Reason_REASON_UNKNOWN_SKU:
		require.NotEmpty(t, r.GetShortages(), reason)
	case stockholdv1.Reason_REASON_RELEASED: // some
	default:
		require.Empty(t, r.GetShortages(), reason)
	}
	switch reason {
	case stockholdv1.Reason_REASON_CANCELED, stockholdv1.Reason_REASON_RELEASED, stockholdv1.Reason_REASON_ALREADY_CONFIRMED,
		stockholdv1.Reason_REASON_NOT_CONFIRMED, stockholdv1.Reason_REASON_ALREADY_FULFILLED:
		require.NotNil(t, r.GetReservation(), reason)
	case stockholdv1.Reason_REASON_ID_REUSED: // of a reservation, not of an adjustment
	default:
		require.Nil(t, r.GetReservation(), reason)
	}
	if reason == stockholdv1.Reason_REASON_INVALID {
		require.NotEmpty(t, r.GetViolations(), reason)
	} else {
		require.Empty(t, r.GetViolations(), reason)
	}
	switch reason {
	case stockholdv1.Reason_REASON_OVERLOADED, stockholdv1.Reason_REASON_UNAVAILABLE:
		require.NotNil(t, r.GetRetryAfter(), reason)
	default:
		require.Nil(t, r.GetRetryAfter(), reason)
	}
}
