package rpc

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	mathrand "math/rand/v2"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/access"
	"stockhold/internal/tokens"
	"stockhold/reservation"
)

// reasons is the error table: how each refusal of the domain is called on the
// wire, and the code that it comes with.
var reasons = map[reservation.Reason]struct {
	wire stockholdv1.Reason
	code connect.Code
}{
	reservation.InsufficientStock: {stockholdv1.Reason_REASON_INSUFFICIENT_STOCK, connect.CodeFailedPrecondition},
	reservation.WasCanceled:       {stockholdv1.Reason_REASON_CANCELED, connect.CodeFailedPrecondition},
	reservation.WasReleased:       {stockholdv1.Reason_REASON_RELEASED, connect.CodeFailedPrecondition},
	reservation.AlreadyConfirmed:  {stockholdv1.Reason_REASON_ALREADY_CONFIRMED, connect.CodeFailedPrecondition},
	reservation.NotConfirmed:      {stockholdv1.Reason_REASON_NOT_CONFIRMED, connect.CodeFailedPrecondition},
	reservation.AlreadyFulfilled:  {stockholdv1.Reason_REASON_ALREADY_FULFILLED, connect.CodeFailedPrecondition},
	reservation.TooLate:           {stockholdv1.Reason_REASON_TOO_LATE, connect.CodeFailedPrecondition},
	reservation.ReusedID:          {stockholdv1.Reason_REASON_ID_REUSED, connect.CodeAlreadyExists},
	reservation.NotFound:          {stockholdv1.Reason_REASON_NOT_FOUND, connect.CodeNotFound},
	reservation.UnknownSKU:        {stockholdv1.Reason_REASON_UNKNOWN_SKU, connect.CodeNotFound},
	reservation.Stale:             {stockholdv1.Reason_REASON_STALE, connect.CodeAborted},
	reservation.Invalid:           {stockholdv1.Reason_REASON_INVALID, connect.CodeInvalidArgument},
	reservation.Overloaded:        {stockholdv1.Reason_REASON_OVERLOADED, connect.CodeResourceExhausted},
}

// errorTable turns every error into what its caller may know of it, and logs what
// the caller may not.
type errorTable struct {
	log      *slog.Logger
	awayTold atomic.Int64 // when a store's absence was last logged, in Unix nanoseconds
}

// refusal finds an error's place in the table. rpc is for the log.
func (t *errorTable) refusal(ctx context.Context, rpc string, err error) *refusal {
	var refused *reservation.Refusal
	var wire *connect.Error
	switch {
	case errors.As(err, &refused):
		if row, ok := reasons[refused.Reason]; ok {
			return refusalToWire(refused, row.wire, row.code)
		}
		return t.defect(ctx, rpc, err)
	case errors.As(err, &wire):
		return refusalOf(wire)
	case errors.Is(err, access.ErrUnauthenticated):
		return newRefusal(connect.CodeUnauthenticated, stockholdv1.Reason_REASON_UNAUTHENTICATED, err.Error())
	case errors.Is(err, access.ErrDenied):
		return newRefusal(connect.CodePermissionDenied, stockholdv1.Reason_REASON_PERMISSION_DENIED, err.Error())
	case errors.Is(err, tokens.ErrNoKeys):
		return newRefusal(connect.CodeUnavailable, stockholdv1.Reason_REASON_UNAVAILABLE, err.Error()).after(storeAwayFor())
	case errors.Is(err, reservation.ErrInDoubt):
		return newRefusal(connect.CodeDeadlineExceeded, stockholdv1.Reason_REASON_DEADLINE_EXCEEDED,
			"the deadline passed while the call was under way: it may have happened, repeat it with the same id")
	case errors.Is(err, reservation.ErrUnavailable):
		t.logAway(ctx, rpc, err)
		r := newRefusal(connect.CodeUnavailable, stockholdv1.Reason_REASON_UNAVAILABLE,
			"a store is away: repeat the call with the same id")
		return r.after(storeAwayFor())
	case errors.Is(err, context.DeadlineExceeded):
		return newRefusal(connect.CodeDeadlineExceeded, stockholdv1.Reason_REASON_DEADLINE_EXCEEDED, "the deadline passed")
	case errors.Is(err, context.Canceled):
		// Nobody waits for this answer any more.
		return newRefusal(connect.CodeCanceled, stockholdv1.Reason_REASON_DEADLINE_EXCEEDED, "the caller went away")
	default:
		return t.defect(ctx, rpc, err)
	}
}

// defect answers what should not happen. Its text may hold addresses and SQL: it
// goes to the log, under an id that the caller gets.
func (t *errorTable) defect(ctx context.Context, rpc string, err error) *refusal {
	id := errorID()
	t.log.ErrorContext(ctx, "a call failed", "error_id", id, "rpc", rpc, "error", err)
	return internal(id)
}

// panicked is defect for a handler that panicked.
func (t *errorTable) panicked(ctx context.Context, rpc string, value any) *refusal {
	id := errorID()
	t.log.ErrorContext(ctx, "a handler panicked", "error_id", id, "rpc", rpc, "panic", value, "stack", string(debug.Stack()))
	return internal(id)
}

func internal(id string) *refusal {
	return newRefusal(connect.CodeInternal, stockholdv1.Reason_REASON_INTERNAL,
		"a defect of stockhold; its log says more under the error id "+id)
}

func errorID() string { return strings.ToLower(rand.Text()[:12]) }

// awayLogEvery keeps the log readable while a store is away: every call fails then.
const awayLogEvery = time.Second

func (t *errorTable) logAway(ctx context.Context, rpc string, err error) {
	now, told := time.Now().UnixNano(), t.awayTold.Load()
	if now-told < int64(awayLogEvery) || !t.awayTold.CompareAndSwap(told, now) {
		return
	}
	t.log.WarnContext(ctx, "calls fail because a store is away", "rpc", rpc, "error", err)
}

// storeAwayFor is when to come back to a store that is away: about as long as
// connecting anew takes, spread so that callers do not return together.
func storeAwayFor() time.Duration {
	return 500*time.Millisecond + mathrand.N(time.Second)
}
