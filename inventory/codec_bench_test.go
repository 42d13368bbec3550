package inventory

import (
	"fmt"
	"testing"
)

// What the gate's calls cost before they are sent, and their replies after they
// came: no server takes part.

func BenchmarkFreezeCall(b *testing.B) {
	g := openGateWith(b, "redis://127.0.0.1:1/0", defaultTimeout)
	for _, lines := range []int{1, 15} {
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			loads := []*load{{holds: []Hold{benchHold(lines)}, lines: lines}}
			b.ReportAllocs()
			for b.Loop() {
				c, _ := g.freezeCall(loads)
				c.byDigest()
			}
		})
	}
}

func BenchmarkFreezeReply(b *testing.B) {
	const lines = 15
	short := []any{int64(Insufficient)}
	for i := range lines {
		short = append(short, int64(i+1))
	}
	for name, reply := range map[string]any{"frozen": int64(Frozen), "insufficient": short} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := decodeFreeze(reply, lines); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// One settle for a batch: as many holds as views.
func BenchmarkSettleCall(b *testing.B) {
	g := openGateWith(b, "redis://127.0.0.1:1/0", defaultTimeout)
	for _, rows := range []int{1, 64, 500} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			var views []View
			var holds []HoldID
			for i, line := range benchHold(rows).Lines {
				views = append(views, View{Key: line.Key, Quota: 1e9, Version: int64(i)})
				holds = append(holds, HoldID{Owner: "default", ID: fmt.Sprintf("order-%06d", i)})
			}
			b.ReportAllocs()
			for b.Loop() {
				g.settleCall(views, holds).byDigest()
			}
		})
	}
}

func benchHold(lines int) Hold {
	h := Hold{HoldID: HoldID{Owner: "default", ID: "order-000001"}}
	for i := range lines {
		h.Lines = append(h.Lines, Line{Key: Key{Location: "default", SKU: fmt.Sprintf("sku-%06d", i)}, Quantity: 1})
	}
	return h
}
