package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"connectrpc.com/connect"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// Kind is what a failure means for whoever called.
type Kind uint8

// The kinds.
const (
	Broken      Kind = iota + 1 // a defect of the server, or an answer that makes no sense
	Unusable                    // the call itself is wrong, or the server that it would go to: repeating it does not help
	Refused                     // understood, and not done: stock, state or an id stands against it
	Unavailable                 // no answer, or not now: try again, with the same id
	Denied                      // who calls, or may not
)

// Failure is why a call was not done, or why nobody can tell.
type Failure struct {
	Kind    Kind
	Message string               // the server's words, for people
	Refusal *stockholdv1.Refusal // nil when the server did not say it itself
	Cause   error                // what the transport said, if it is not in Message
}

// Error is one line and, where there is more to tell, further lines.
func (f *Failure) Error() string {
	var b strings.Builder
	if reason := f.Reason(); reason != "" {
		fmt.Fprintf(&b, "%s: ", reason)
	}
	b.WriteString(f.Message)
	if f.Cause != nil {
		fmt.Fprintf(&b, ": %v", f.Cause)
	}
	if shortages := f.Refusal.GetShortages(); len(shortages) > 1 {
		for _, s := range shortages[:min(len(shortages), maxShown)] {
			fmt.Fprintf(&b, "\n  %s/%s: %d requested, %d available", s.GetLocationId(), s.GetSku(), s.GetRequested(), s.GetAvailable())
		}
		if more := len(shortages) - maxShown; more > 0 {
			fmt.Fprintf(&b, "\n  and %d more", more)
		}
	}
	if hint := f.hint(); hint != "" {
		fmt.Fprintf(&b, "\n  %s", hint)
	}
	return b.String()
}

// maxShown bounds what an error lists.
const maxShown = 20

// Unwrap is the transport's error.
func (f *Failure) Unwrap() error { return f.Cause }

// Reason is the wire's word, without its prefix; "" when the server said none.
func (f *Failure) Reason() string {
	if f.Refusal.GetReason() == stockholdv1.Reason_REASON_UNSPECIFIED {
		return ""
	}
	return strings.TrimPrefix(f.Refusal.GetReason().String(), "REASON_")
}

// RetryAfter is when the server says that a repeat has a chance; 0: it did not say.
func (f *Failure) RetryAfter() time.Duration { return f.Refusal.GetRetryAfter().AsDuration() }

func (f *Failure) hint() string {
	switch {
	case f.Kind != Unavailable:
		return ""
	case f.RetryAfter() > 0:
		return fmt.Sprintf("Try again in %s.", f.RetryAfter().Round(100*time.Millisecond))
	default:
		return "Try again."
	}
}

// Explain makes a Failure of what a call returned: nil of nil.
func Explain(err error) error {
	if err == nil {
		return nil
	}
	var known *Failure
	if errors.As(err, &known) {
		return known
	}
	if failure := untrusted(err); failure != nil {
		return failure
	}
	var status *connect.Error
	if !errors.As(err, &status) {
		if errors.Is(err, context.Canceled) {
			return &Failure{Kind: Unavailable, Message: "stopped before there was an answer: it may have happened", Cause: err}
		}
		return &Failure{Kind: Unavailable, Message: "the server cannot be reached", Cause: err}
	}
	if refusal := refusalIn(status); refusal != nil {
		return &Failure{Kind: kindOf(status.Code(), refusal.GetReason()), Message: status.Message(), Refusal: refusal}
	}
	return withoutRefusal(status)
}

// kindOf goes by the reason, and by the code where the reason is one that this
// version does not know.
func kindOf(code connect.Code, reason stockholdv1.Reason) Kind {
	switch reason {
	case stockholdv1.Reason_REASON_INVALID, stockholdv1.Reason_REASON_BODY_TOO_LARGE:
		return Unusable
	case stockholdv1.Reason_REASON_OVERLOADED, stockholdv1.Reason_REASON_UNAVAILABLE, stockholdv1.Reason_REASON_DEADLINE_EXCEEDED:
		return Unavailable
	case stockholdv1.Reason_REASON_UNAUTHENTICATED, stockholdv1.Reason_REASON_PERMISSION_DENIED:
		return Denied
	case stockholdv1.Reason_REASON_INTERNAL:
		return Broken
	}
	switch code {
	case connect.CodeUnauthenticated, connect.CodePermissionDenied:
		return Denied
	case connect.CodeUnavailable, connect.CodeDeadlineExceeded, connect.CodeResourceExhausted, connect.CodeCanceled:
		return Unavailable
	case connect.CodeInvalidArgument:
		return Unusable
	case connect.CodeInternal, connect.CodeUnknown:
		return Broken
	default:
		return Refused
	}
}

// withoutRefusal explains what something between here and the server said, or the
// transport.
func withoutRefusal(status *connect.Error) *Failure {
	f := &Failure{Kind: kindOf(status.Code(), stockholdv1.Reason_REASON_UNSPECIFIED), Message: status.Message()}
	switch status.Code() {
	case connect.CodeUnavailable:
		f.Message = "the server cannot be reached: " + status.Message()
	case connect.CodeDeadlineExceeded:
		f.Message = "there was no answer in time: it may have happened"
	case connect.CodeCanceled:
		f.Message = "stopped before there was an answer: it may have happened"
	case connect.CodeUnimplemented:
		f.Kind, f.Message = Broken, "this server does not know the call: it is of an older version, or no stockhold"
	case connect.CodeUnknown, connect.CodeInternal:
		f.Message = "what answered is no stockhold, or stands before one: " + status.Message()
	case connect.CodeNotFound, connect.CodeFailedPrecondition, connect.CodeAlreadyExists, connect.CodeAborted:
		f.Kind = Broken // stockhold says its own refusals with a Refusal
	}
	return f
}

func refusalIn(err *connect.Error) *stockholdv1.Refusal {
	for _, detail := range err.Details() {
		value, err := detail.Value()
		if refusal, ok := value.(*stockholdv1.Refusal); err == nil && ok {
			return refusal
		}
	}
	return nil
}
