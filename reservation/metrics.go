package reservation

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// The instruments of this package. They report to whatever meter provider the
// program installs, and to nobody when it installs none.
var (
	meter = otel.Meter("stockhold/reservation")

	interceptions = must(meter.Int64Counter("stockhold.interceptions", metric.WithUnit("{call}"),
		metric.WithDescription("Late, doubled and reordered calls that the state table answered, by kind.")))
	overloads = must(meter.Int64Counter("stockhold.overloads", metric.WithUnit("{call}"),
		metric.WithDescription("Calls refused as OVERLOADED before they were begun, by cause: queue_full, queue_slow, no_time, sold_out, closing.")))
	batchSize = must(meter.Int64Histogram("stockhold.ledger.batch.size", metric.WithUnit("{operation}"),
		metric.WithDescription("Operations in one transaction."),
		metric.WithExplicitBucketBoundaries(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 4000)))
	batchDuration = must(meter.Float64Histogram("stockhold.ledger.batch.duration", metric.WithUnit("s"),
		metric.WithDescription("From BEGIN to the reply to COMMIT."), seconds))
	commitDuration = must(meter.Float64Histogram("stockhold.ledger.commit.duration", metric.WithUnit("s"),
		metric.WithDescription("From COMMIT to the reply to it: the part of a transaction that waits for the disk."), seconds))
	queueWait = must(meter.Float64Histogram("stockhold.ledger.queue.wait", metric.WithUnit("s"),
		metric.WithDescription("How long the oldest operation of a batch had waited."), seconds))
	batchRetries = must(meter.Int64Counter("stockhold.ledger.retries", metric.WithUnit("{batch}"),
		metric.WithDescription("Batches run again, split or given up, by cause: conflict, id_appeared, commit_unknown, lock_wait, split, away.")))
	gateWrong = must(meter.Int64Counter("stockhold.gate.wrong", metric.WithUnit("{hold}"),
		metric.WithDescription("Holds that the gate let through and the ledger refused for stock.")))
	gateOverturned = must(meter.Int64Counter("stockhold.gate.overturned", metric.WithUnit("{hold}"),
		metric.WithDescription("Holds that the gate would have refused and the ledger had stock for.")))
	gateSkipped = must(meter.Int64Counter("stockhold.gate.skipped", metric.WithUnit("{hold}"),
		metric.WithDescription("Trys that went to the ledger alone because the gate was away.")))
	gateDegraded = must(meter.Int64Counter("stockhold.gate.degraded", metric.WithUnit("s"),
		metric.WithDescription("Seconds in which at least one Try went to the ledger alone because the gate was away.")))
	settleFailed = must(meter.Int64Counter("stockhold.gate.settle.failed", metric.WithUnit("{settlement}"),
		metric.WithDescription("Settlements the gate did not take; the next view or the sweeper repairs them.")))
	linesDropped = must(meter.Int64Counter("stockhold.log.dropped", metric.WithUnit("{line}"),
		metric.WithDescription("Lines about changes of state that were not written because the log did not keep up.")))

	seconds = metric.WithExplicitBucketBoundaries(.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10)
)

// Attributes are dear to make, so those that are known are made once.
var (
	byKind = labelled("kind", Duplicate, EmptyCancel, TryAfterCancel, TryAfterRelease, IDReused, ConfirmAfterRelease,
		CancelAfterConfirm, CancelAfterExpiry, OutOfOrder, TryTooLate, NotHeld, NotDue)
	byCause    = labelled("cause", "conflict", "id_appeared", "commit_unknown", "lock_wait", "split", "away")
	byOverload = labelled("cause", "queue_full", "queue_slow", "closing", "no_time", "sold_out")
)

// label is one attribute of a counter, with the values that it is known to take.
type label[T ~string] struct {
	name  string
	known map[T]metric.AddOption
}

func labelled[T ~string](name string, values ...T) label[T] {
	l := label[T]{name, make(map[T]metric.AddOption, len(values))}
	for _, v := range values {
		l.known[v] = l.make(v)
	}
	return l
}

func (l label[T]) make(v T) metric.AddOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String(l.name, string(v))))
}

func (l label[T]) with(v T) metric.AddOption {
	if option, ok := l.known[v]; ok {
		return option
	}
	return l.make(v)
}

// countFromZero shows the counters before anything has happened: an alert on what
// should never happen must see it go from 0 to 1.
func countFromZero() {
	ctx := context.Background()
	for _, c := range []metric.Int64Counter{gateWrong, gateOverturned, gateSkipped, gateDegraded, settleFailed, linesDropped} {
		c.Add(ctx, 0)
	}
	for _, o := range byKind.known {
		interceptions.Add(ctx, 0, o)
	}
	for _, o := range byCause.known {
		batchRetries.Add(ctx, 0, o)
	}
	for _, o := range byOverload.known {
		overloads.Add(ctx, 0, o)
	}
}

// countCaught counts late, doubled and reordered calls of a committed batch.
func countCaught(kinds []Interception) {
	for _, kind := range kinds {
		interceptions.Add(context.Background(), 1, byKind.with(kind))
	}
}

func countRetry(cause string) { batchRetries.Add(context.Background(), 1, byCause.with(cause)) }

func countOverload(why overload) {
	overloads.Add(context.Background(), 1, byOverload.with(causes[why]))
}

// timeCommit is for who sent a COMMIT at a time and now has the reply, or none.
func timeCommit(sent time.Time) {
	commitDuration.Record(context.Background(), time.Since(sent).Seconds())
}

// degradedUntil is the second that was counted last, of the process.
var degradedUntil atomic.Int64

// countSkipped counts Trys that went past the gate, and the second in which they did.
func countSkipped(ctx context.Context, trys int) {
	gateSkipped.Add(ctx, int64(trys))
	now := time.Now().Unix()
	if last := degradedUntil.Load(); last != now && degradedUntil.CompareAndSwap(last, now) {
		gateDegraded.Add(ctx, 1)
	}
}

// must is for instruments, whose only error is a malformed name.
func must[T any](instrument T, err error) T {
	if err != nil {
		panic(err)
	}
	return instrument
}
