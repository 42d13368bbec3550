package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"stockhold/inventory"
)

// comparePending reports holds that were pending for longer than the grace, and
// still are after a pause: at the first look they may have been about to be
// settled. The gate lists the oldest, so that one more than is shown tells that
// there are others.
func (a *auditor) comparePending(ctx context.Context) error {
	first, strangers, err := a.overstayed(ctx)
	if err != nil || len(first)+len(strangers) == 0 {
		return err
	}
	if err := a.pause(ctx); err != nil {
		return err
	}
	again, strangers, err := a.overstayed(ctx)
	if err != nil {
		return err
	}
	before := make(map[inventory.HoldID]bool, len(first))
	for _, hold := range first {
		before[hold.HoldID] = true
	}
	for _, hold := range again {
		if before[hold.HoldID] {
			a.report.add(GatePending, a.pendingDifference(hold))
		}
	}
	if len(again) > a.opts.Show && a.report.has(GatePending) {
		a.report.finding(GatePending).AtLeast = true
	}
	for _, stranger := range strangers {
		a.report.add(GateStranger, Difference{Expected: "a pending hold", Found: stranger})
	}
	return nil
}

// overstayed lists the oldest holds past the grace, and what is among them that
// the gate could not read: it answers, so somebody else wrote there.
func (a *auditor) overstayed(ctx context.Context) (holds []inventory.Hold, strangers []string, err error) {
	holds, err = a.seen.Pending(ctx, a.opts.Grace, a.opts.Show+1)
	switch {
	case err == nil:
		return holds, nil, nil
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case errors.Is(err, inventory.ErrAway):
		return nil, nil, gateFailed(err)
	}
	return holds, strings.Split(err.Error(), "\n"), nil
}

// linesShown keeps a hold with some thousand lines on one line.
const linesShown = 3

func (a *auditor) pendingDifference(hold inventory.Hold) Difference {
	var lines []string
	for _, line := range hold.Lines[:min(len(hold.Lines), linesShown)] {
		lines = append(lines, fmt.Sprintf("%d of %s", line.Quantity, line.Key))
	}
	if more := len(hold.Lines) - len(lines); more > 0 {
		lines = append(lines, units(int64(more), "more line"))
	}
	if len(lines) == 0 {
		lines = append(lines, "no lines")
	}
	return Difference{
		Owner: hold.Owner, ReservationID: hold.ID,
		Expected: fmt.Sprintf("settled within %s", a.opts.Grace), Found: "pending: " + strings.Join(lines, ", "),
	}
}
