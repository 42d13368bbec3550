package operator

import (
	"context"
	"strings"

	"stockhold/reservation"
)

// Word is an operator's word on a hold.
type Word struct {
	ID      reservation.HoldID
	Confirm bool   // true: take the units; false: give them back
	Reason  string // why, for those who ask later; kept with the reservation
	By      string // whose word it is, for the log; empty where nobody is asked
}

// Resolve carries a word through the same batch as every call, so that the state
// table decides about it: what has ended stays as it is. It returns the reservation
// as it is then, with the reason that the ledger keeps, and whether that was so
// before.
func (d *Desk) Resolve(ctx context.Context, word Word) (r *reservation.Reservation, replayed bool, err error) {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	if word.Reason = strings.TrimSpace(word.Reason); word.Reason == "" {
		return nil, false, &reservation.Refusal{Reason: reservation.Invalid, Message: "malformed", Violations: []reservation.Violation{
			{Field: "reason", Description: "is empty: say why, for those who ask later"}}}
	}
	request := reservation.Request{ID: word.ID, Call: reservation.CancelKnown, By: reservation.ByOperator, Reason: word.Reason}
	if word.Confirm {
		request.Call = reservation.Confirm
	}
	answer := d.service.Do(ctx, []reservation.Request{request})[0]
	if answer.Err != nil {
		return nil, false, answer.Err
	}
	if !answer.Replayed {
		d.opts.Logger.Info("an operator resolved a hold", "owner", answer.Reservation.Owner, "id", answer.Reservation.ID,
			"state", answer.Reservation.State.String(), "reason", word.Reason, "by", word.By)
	}
	r, err = d.service.Get(ctx, word.ID) // with its lines, which a replay does not read
	return r, answer.Replayed, err
}
