package reservation

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// The instruments of this package. They report to whatever meter provider the
// program installs, and to nobody when it installs none.
var (
	meter = otel.Meter("stockhold/reservation")

	interceptions = must(meter.Int64Counter("stockhold.interceptions",
		metric.WithDescription("Late, doubled and reordered calls that the state table answered, by kind.")))
	batchSize = must(meter.Int64Histogram("stockhold.ledger.batch.size", metric.WithUnit("{operation}"),
		metric.WithDescription("Operations in one transaction."),
		metric.WithExplicitBucketBoundaries(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 4000)))
	batchDuration = must(meter.Float64Histogram("stockhold.ledger.batch.duration", metric.WithUnit("s"),
		metric.WithDescription("From BEGIN to the reply to COMMIT."), seconds))
	queueWait = must(meter.Float64Histogram("stockhold.ledger.queue.wait", metric.WithUnit("s"),
		metric.WithDescription("How long the oldest operation of a batch had waited."), seconds))
	batchRetries = must(meter.Int64Counter("stockhold.ledger.retries",
		metric.WithDescription("Batches run again or split, by cause.")))
	gateWrong = must(meter.Int64Counter("stockhold.gate.wrong",
		metric.WithDescription("Holds that the gate let through and the ledger refused for stock.")))
	gateOverturned = must(meter.Int64Counter("stockhold.gate.overturned",
		metric.WithDescription("Holds that the gate would have refused and the ledger had stock for.")))
	gateSkipped = must(meter.Int64Counter("stockhold.gate.skipped",
		metric.WithDescription("Trys that went to the ledger alone because the gate was away.")))
	settleFailed = must(meter.Int64Counter("stockhold.gate.settle.failed",
		metric.WithDescription("Settlements the gate did not take; the next view or the sweeper repairs them.")))

	seconds = metric.WithExplicitBucketBoundaries(.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10)
)

// countCaught counts late, doubled and reordered calls of a committed batch.
func countCaught(kinds []Interception) {
	for _, kind := range kinds {
		interceptions.Add(context.Background(), 1, metric.WithAttributes(attribute.String("kind", string(kind))))
	}
}

func countRetry(cause string) {
	batchRetries.Add(context.Background(), 1, metric.WithAttributes(attribute.String("cause", cause)))
}

// must is for instruments, whose only error is a malformed name.
func must[T any](instrument T, err error) T {
	if err != nil {
		panic(err)
	}
	return instrument
}
