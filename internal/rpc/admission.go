package rpc

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"stockhold/internal/access"
	"stockhold/internal/quota"
	"stockhold/reservation"
)

// admission lets in who may make a call, and no caller more often than it may. It
// stands before the door, so that strangers take nobody's place, and before the
// body is read, so that they cannot make anybody work.
type admission struct {
	next    http.Handler
	admit   func(*http.Request) (*access.Caller, error)
	limit   func(*access.Caller) quota.Caller
	rates   *quota.Rates // of callers; shared by all admissions of a server
	seats   *quota.Seats // the same
	errors  *errorTable
	metrics *metrics
	writer  *connect.ErrorWriter
}

func (a *admission) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	caller, err := a.admit(r)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	limit := a.limit(caller)
	if wait, ok := a.rates.Take(caller.Name, limit.Rate); !ok {
		a.refuse(w, r, tooOften(caller.Name, wait))
		return
	}
	if limit.AtOnce > 0 {
		if !a.seats.Take(caller.Name, limit.AtOnce) {
			a.refuse(w, r, tooManyAtOnce(caller.Name, limit.AtOnce))
			return
		}
		defer a.seats.Leave(caller.Name)
	}
	a.next.ServeHTTP(w, r.WithContext(access.WithCaller(r.Context(), caller)))
}

func (a *admission) refuse(w http.ResponseWriter, r *http.Request, err error) {
	ctx := context.WithoutCancel(r.Context())
	refused := a.errors.refusal(ctx, r.URL.Path, err)
	a.metrics.deny(ctx, refused.detail.GetReason())
	_ = a.writer.Write(w, r, refused.asError()) // whom it does not reach is gone
}

// tooOften refuses a call of somebody, a caller or an owner, who makes too many.
func tooOften(name string, wait time.Duration) *reservation.Refusal {
	return &reservation.Refusal{Reason: reservation.Overloaded, RetryAfter: wait,
		Message: fmt.Sprintf("overloaded: %s makes more calls a second than it may; nothing was done", name)}
}

func tooManyAtOnce(name string, most int) *reservation.Refusal {
	return &reservation.Refusal{Reason: reservation.Overloaded, RetryAfter: shedFor(),
		Message: fmt.Sprintf("overloaded: %s has %d calls under way, the most it may; nothing was done", name, most)}
}
