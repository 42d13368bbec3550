package sweeper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sony/gobreaker/v2"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"stockhold/reservation"
)

// metrics are the sweeper's instruments. The ones to alert on are the age of the
// oldest undecided hold, what is parked, and contradictions.
//
// Owners are an attribute: they come from configuration, so there are few.
type metrics struct {
	passes         metric.Float64Histogram
	results        metric.Int64Counter
	requests       metric.Float64Histogram
	misfitting     metric.Int64Counter
	breaker        metric.Int64Gauge
	contradictions metric.Int64Counter
	driftFound     metric.Int64Counter
	driftRepaired  metric.Int64Counter

	// Written once a pass, never on a scrape: a scrape must not cost the ledger a query.
	overdue metric.Int64Gauge
	waiting metric.Int64Gauge
	parked  metric.Int64Gauge
	oldest  metric.Float64Gauge

	negative metric.Int64Gauge // written once a round through the gate
}

func newMetrics() (*metrics, error) {
	meter := otel.Meter("stockhold/sweeper")
	m := &metrics{}
	var errs [13]error
	m.passes, errs[0] = meter.Float64Histogram("stockhold.sweeper.pass.duration", metric.WithUnit("s"),
		metric.WithDescription("One pass, from the first due hold to the purge."),
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60))
	m.results, errs[1] = meter.Int64Counter("stockhold.sweeper.results", metric.WithUnit("{result}"),
		metric.WithDescription("What passes did, by the figures of their report."))
	m.requests, errs[2] = meter.Float64Histogram("stockhold.sweeper.decider.duration", metric.WithUnit("s"),
		metric.WithDescription("Requests to deciders, by owner and outcome: ok, timeout, error."),
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	m.misfitting, errs[3] = meter.Int64Counter("stockhold.sweeper.decider.misfits", metric.WithUnit("{decision}"),
		metric.WithDescription("Decisions that do not fit the question, by owner and kind: not_asked, twice, verdict."))
	m.breaker, errs[4] = meter.Int64Gauge("stockhold.sweeper.decider.breaker",
		metric.WithDescription("The breaker in front of each owner's decider: 0 closed, 1 half-open, 2 open."))
	m.contradictions, errs[5] = meter.Int64Counter("stockhold.sweeper.contradictions", metric.WithUnit("{decision}"),
		metric.WithDescription("Decisions that contradict what already happened, by owner and verdict."))
	m.driftFound, errs[6] = meter.Int64Counter("stockhold.gate.drift.found", metric.WithUnit("{row}"),
		metric.WithDescription("Gate rows that differ from the ledger, by kind: behind (normal under load), ahead, different, unknown; and leaked: with units pending that no hold has."))
	m.driftRepaired, errs[7] = meter.Int64Counter("stockhold.gate.drift.repaired", metric.WithUnit("{row}"),
		metric.WithDescription("Of these, brought up to date, dropped, or freed of what leaked."))
	m.overdue, errs[8] = meter.Int64Gauge("stockhold.undecided.overdue", metric.WithUnit("{hold}"),
		metric.WithDescription(fmt.Sprintf("Holds past their expiry and still held; counted up to %d.", undecidedLimit)))
	m.parked, errs[9] = meter.Int64Gauge("stockhold.undecided.parked", metric.WithUnit("{hold}"),
		metric.WithDescription("Of the overdue, those in front of an operator."))
	m.oldest, errs[10] = meter.Float64Gauge("stockhold.undecided.oldest", metric.WithUnit("s"),
		metric.WithDescription("How long the oldest hold still held is past its expiry."))
	m.negative, errs[11] = meter.Int64Gauge("stockhold.stock.negative", metric.WithUnit("{row}"),
		metric.WithDescription("Stock rows in use whose on_hand or available is below zero, as of the last round through the gate."))
	m.waiting, errs[12] = meter.Int64Gauge("stockhold.undecided.asked", metric.WithUnit("{hold}"),
		metric.WithDescription("Of the overdue, those checked at least once without a decision."))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("make the sweeper's metrics: %w", err)
	}
	m.start()
	return m, nil
}

// start shows the counters before anything has happened: an alert on what
// should never happen must see it go from 0 to 1.
func (m *metrics) start() {
	ctx := context.Background()
	for _, f := range new(Report).figures() {
		m.results.Add(ctx, 0, metric.WithAttributes(attribute.String("result", f.name)))
	}
	for _, kind := range []string{"behind", "ahead", "different", "unknown", "leaked"} {
		m.driftFound.Add(ctx, 0, metric.WithAttributes(attribute.String("kind", kind)))
		m.driftRepaired.Add(ctx, 0, metric.WithAttributes(attribute.String("kind", kind)))
	}
}

// countFromZero does so for an owner that can be asked.
func (m *metrics) countFromZero(owner string) {
	ctx := context.Background()
	name := attribute.String("owner", owner)
	for _, verdict := range []Verdict{Commit, Abort} {
		m.contradictions.Add(ctx, 0, metric.WithAttributes(name, attribute.String("verdict", verdict.String())))
	}
	for _, kind := range []string{"not_asked", "twice", "verdict"} {
		m.misfitting.Add(ctx, 0, metric.WithAttributes(name, attribute.String("kind", kind)))
	}
}

func (m *metrics) passed(ctx context.Context, report Report, took time.Duration) {
	m.passes.Record(ctx, took.Seconds())
	for _, f := range report.figures() {
		if *f.value > 0 {
			m.results.Add(ctx, int64(*f.value), metric.WithAttributes(attribute.String("result", f.name)))
		}
	}
}

func (m *metrics) asked(ctx context.Context, owner string, took time.Duration, err error) {
	outcome := "ok"
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		outcome = "timeout"
	case err != nil:
		outcome = "error"
	}
	m.requests.Record(ctx, took.Seconds(), metric.WithAttributes(attribute.String("owner", owner), attribute.String("outcome", outcome)))
}

func (m *metrics) misfits(ctx context.Context, owner string, kinds map[string]int64) {
	for kind, n := range kinds {
		m.misfitting.Add(ctx, n, metric.WithAttributes(attribute.String("owner", owner), attribute.String("kind", kind)))
	}
}

func (m *metrics) breakerChanged(owner string, to gobreaker.State) {
	m.breaker.Record(context.Background(), int64(to), metric.WithAttributes(attribute.String("owner", owner)))
}

// breakerGone closes the gauge of an owner that is not asked any more: an open
// breaker that is no more would otherwise be shown for ever.
func (m *metrics) breakerGone(owner string) { m.breakerChanged(owner, gobreaker.StateClosed) }

func (m *metrics) contradicted(ctx context.Context, owner string, verdict Verdict) {
	m.contradictions.Add(ctx, 1, metric.WithAttributes(attribute.String("owner", owner), attribute.String("verdict", verdict.String())))
}

func (m *metrics) drifted(ctx context.Context, d drift)  { addDrift(ctx, m.driftFound, d) }
func (m *metrics) repaired(ctx context.Context, d drift) { addDrift(ctx, m.driftRepaired, d) }

func addDrift(ctx context.Context, counter metric.Int64Counter, d drift) {
	for kind, n := range map[string]int{"behind": d.behind, "ahead": d.ahead, "different": d.different, "unknown": d.unknown, "leaked": d.leaked} {
		if n > 0 {
			counter.Add(ctx, int64(n), metric.WithAttributes(attribute.String("kind", kind)))
		}
	}
}

func (m *metrics) undecided(ctx context.Context, u reservation.Undecided) {
	m.overdue.Record(ctx, int64(u.Overdue))
	m.waiting.Record(ctx, int64(u.Asked))
	m.parked.Record(ctx, int64(u.Parked))
	m.oldest.Record(ctx, u.Oldest.Seconds())
}

func (m *metrics) wentRound(ctx context.Context, negative int) {
	m.negative.Record(ctx, int64(negative))
}
