package reservation

import (
	"fmt"
	"testing"
	"time"

	"stockhold/inventory"
)

// What the pure half of a call costs: the table, and a batch of ordinary size.

func BenchmarkDecide(b *testing.B) {
	b.ReportAllocs()
	var refusals int
	for b.Loop() {
		for state := None; state <= Returned; state++ {
			for call := Try; call < calls; call++ {
				if Decide(state, call, Facts{SameLines: true, Due: true}).Refusal != 0 {
					refusals++
				}
			}
		}
	}
	if refusals == 0 {
		b.Fatal("the table refuses nothing")
	}
}

// A batch from what was read to what is to be written, with the views for the
// gate: new holds of 1 or 15 lines on 1,000 rows, and Confirms of holds.
func BenchmarkBatch(b *testing.B) {
	for _, size := range []int{1, 64, 1024} {
		for _, lines := range []int{1, 15} {
			b.Run(fmt.Sprintf("Try/ops=%d/lines=%d", size, lines), func(b *testing.B) {
				ops, stocks := benchTries(size, lines)
				benchBatch(b, ops, nil, stocks)
			})
		}
		b.Run(fmt.Sprintf("Confirm/ops=%d", size), func(b *testing.B) {
			tries, stocks := benchTries(size, 1)
			var held []*Reservation
			var ops []*Operation
			for i, op := range tries {
				held = append(held, &Reservation{HoldID: op.ID, Key: int64(i + 1), State: Reserved, Lines: op.Lines, LineCount: 1,
					Fingerprint: op.Fingerprint, CreatedAt: benchNow, ExpiresAt: benchNow.Add(time.Hour)})
				ops = append(ops, &Operation{Call: Confirm, ID: op.ID, By: ByCaller})
			}
			for i := range stocks {
				stocks[i].Reserved = int64(size)
			}
			benchBatch(b, ops, held, stocks)
		})
	}
}

var benchNow = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

func benchBatch(b *testing.B, ops []*Operation, held []*Reservation, stocks []inventory.Stock) {
	b.ReportAllocs()
	for b.Loop() {
		batch := newBatch(benchNow, DefaultLimits().OnHand, held, stocks, nil)
		for _, op := range ops {
			if answer := batch.apply(op); answer.Err != nil {
				b.Fatal(answer.Err)
			}
		}
		if changes := batch.changes(1); changes.Empty() || len(batch.views()) == 0 {
			b.Fatal("the batch changes nothing")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(ops)), "ns/call")
}

func benchTries(n, lines int) (ops []*Operation, stocks []inventory.Stock) {
	const rows = 1000
	used := min(rows, n*lines)
	for i := range used {
		stocks = append(stocks, inventory.Stock{Key: benchKey(i), OnHand: 1e9, Version: 1})
	}
	for i := range n {
		op := &Operation{Call: Try, ID: HoldID{Owner: DefaultName, ID: fmt.Sprintf("order-%06d", i)}, By: ByCaller, TTL: time.Hour, OnExpiry: ReleaseOnExpiry}
		for j := range lines {
			op.Lines = append(op.Lines, Line{Key: benchKey((i*lines + j) % used), Quantity: 1})
		}
		op.Lines = inventory.MergeLines(op.Lines)
		op.Fingerprint = FingerprintOf(op.Lines)
		ops = append(ops, op)
	}
	return ops, stocks
}

func benchKey(i int) inventory.Key {
	return inventory.Key{Location: DefaultName, SKU: fmt.Sprintf("sku-%06d", i)}
}

func BenchmarkFingerprint(b *testing.B) {
	for _, lines := range []int{1, 15} {
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			ops, _ := benchTries(1, lines)
			b.ReportAllocs()
			for b.Loop() {
				FingerprintOf(ops[0].Lines)
			}
		})
	}
}
