package rpc

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// door lets so many calls in at once and turns the others away before their
// message is looked at. Beyond what the server can carry, every further call that
// is let in only makes all of them later, until they are answered when nobody
// waits any more. Whoever is turned away hears so at once, for a small part of
// what an answer costs, and when to come back.
type door struct {
	next    http.Handler
	limit   int64
	inside  *atomic.Int64 // shared by all doors of a server
	writer  *connect.ErrorWriter
	notes   []note
	metrics *metrics
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer d.inside.Add(-1)
	if d.inside.Add(1) <= d.limit {
		growStack()
		d.next.ServeHTTP(w, r)
		return
	}
	d.metrics.shed.Add(context.WithoutCancel(r.Context()), 1)
	switch r.Header.Get("Content-Type") {
	case "application/proto", "application/json":
		d.notes[mathrand.N(len(d.notes))].hand(w)
	default:
		_ = d.writer.Write(w, r, refuseAtDoor(d.limit).asError()) // whom it does not reach is gone
	}
}

func refuseAtDoor(limit int64) *refusal {
	return newRefusal(connect.CodeResourceExhausted, stockholdv1.Reason_REASON_OVERLOADED,
		fmt.Sprintf("overloaded: %d calls are under way, the most there may be; nothing was done", limit)).after(shedFor())
}

// shedFor is when to come back: later than what is inside takes at the usual
// pace, and spread.
func shedFor() time.Duration { return 100*time.Millisecond + mathrand.N(400*time.Millisecond) }
