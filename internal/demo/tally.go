package demo

import (
	"sync"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// tally counts what went over the wire, whether or not the shop got to know.
type tally struct {
	mu        sync.Mutex
	calls     int64
	repeats   int64                                   // of calls that got no proper answer
	replays   map[string]int64                        // answers that changed nothing, by call
	refusals  map[string]map[stockholdv1.Reason]int64 // by call
	lost      map[string]int64                        // requests that were not delivered, by call
	dropped   map[string]int64                        // answers that were not delivered, by call
	doubled   int64                                   // messages that were delivered twice
	expired   int64                                   // holds that the network saw end by their own policy
	questions map[stockholdv1.Verdict]int64           // answers to check-backs
}

func newTally() *tally {
	return &tally{
		replays:   map[string]int64{},
		refusals:  map[string]map[stockholdv1.Reason]int64{},
		lost:      map[string]int64{},
		dropped:   map[string]int64{},
		questions: map[stockholdv1.Verdict]int64{},
	}
}

func (t *tally) count(what func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	what()
}

func (t *tally) asked(verdict stockholdv1.Verdict) { t.count(func() { t.questions[verdict]++ }) }

func (t *tally) answered(call string, a answer) {
	t.count(func() {
		switch {
		case a.kind == refused:
			if t.refusals[call] == nil {
				t.refusals[call] = map[stockholdv1.Reason]int64{}
			}
			t.refusals[call][a.reason]++
		case a.replayed:
			t.replays[call]++
		}
	})
}

// intercepted are the refusals of what came late or out of order, in words.
func (t *tally) intercepted() []Count {
	var counts []Count
	for _, i := range interceptions {
		if n := t.refusals[i.call][i.reason]; n > 0 {
			counts = append(counts, Count{Name: i.name, Count: n})
		}
	}
	return counts
}

// interceptions are the refusals that keep the past from biting.
var interceptions = []struct {
	call   string
	reason stockholdv1.Reason
	name   string
}{
	{callTry, stockholdv1.Reason_REASON_CANCELED, "Try after its Cancel"},
	{callTry, stockholdv1.Reason_REASON_RELEASED, "Try after its hold ended"},
	{callTry, stockholdv1.Reason_REASON_TOO_LATE, "Try after its not_after"},
	{callConfirm, stockholdv1.Reason_REASON_RELEASED, "Confirm after the release"},
	{callCancel, stockholdv1.Reason_REASON_ALREADY_CONFIRMED, "Cancel after the Confirm"},
}
