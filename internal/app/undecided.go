package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
)

const (
	undecidedInterval = 5 * time.Second
	undecidedPatience = 5 * time.Second
	undecidedLimit    = 5_000 // holds counted, so that a look costs the same however far behind the sweep is
)

// watchUndecided tells how far behind the sweep is where this server does not
// sweep, by metrics of the same names as the sweeper's: what sweeps instead may be
// a command started by a clock, which nobody can ask. A process has either this
// or a sweeper, so no reading is there twice.
func (a *App) watchUndecided() error {
	meter := otel.Meter("stockhold/sweeper")
	var errs [4]error
	var overdue, asked, parked metric.Int64Gauge
	var oldest metric.Float64Gauge
	overdue, errs[0] = meter.Int64Gauge("stockhold.undecided.overdue", metric.WithUnit("{hold}"),
		metric.WithDescription(fmt.Sprintf("Holds past their expiry and still held; counted up to %d.", undecidedLimit)))
	parked, errs[1] = meter.Int64Gauge("stockhold.undecided.parked", metric.WithUnit("{hold}"),
		metric.WithDescription("Of the overdue, those in front of an operator."))
	oldest, errs[2] = meter.Float64Gauge("stockhold.undecided.oldest", metric.WithUnit("s"),
		metric.WithDescription("How long the oldest hold still held is past its expiry."))
	asked, errs[3] = meter.Int64Gauge("stockhold.undecided.asked", metric.WithUnit("{hold}"),
		metric.WithDescription("Of the overdue, those checked at least once without a decision."))
	if err := errors.Join(errs[:]...); err != nil {
		return fmt.Errorf("make the metrics of what is undecided: %w", err)
	}
	look := func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, undecidedPatience)
		defer cancel()
		u, err := a.ledger.Undecided(ctx, undecidedLimit)
		if err != nil {
			a.log.Debug("what is undecided could not be counted", "error", err)
			return
		}
		overdue.Record(ctx, int64(u.Overdue))
		asked.Record(ctx, int64(u.Asked))
		parked.Record(ctx, int64(u.Parked))
		oldest.Record(ctx, u.Oldest.Seconds())
	}
	a.parts.background("the watch over undecided holds", func(ctx context.Context) error {
		look(ctx)
		every(ctx, undecidedInterval, look)
		return nil
	})
	return nil
}
