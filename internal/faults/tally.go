package faults

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
)

// Tally counts what a shop lived through.
type Tally struct {
	lost atomic.Int64

	mu       sync.Mutex
	counts   Counts
	answered time.Time // the last time anybody was answered
	heard    int64     // attempts that were answered OK or finally
	promises []string
}

// Counts are a tally's figures at one moment.
type Counts struct {
	Calls     map[string]int64 // attempts, by call
	OK        map[string]int64 // answered OK, by call
	Replays   map[string]int64 // of those, replays
	Refusals  map[string]int64 // by reason
	NoAnswer  map[string]int64 // attempts without a typed answer, by code
	Lost      int64            // Confirms and Cancels that were never sent
	Slowest   time.Duration    // of the attempts that were answered
	Longest   time.Duration    // of all attempts, answered or not
	Silence   time.Duration    // the longest time in which no attempt was answered OK or finally
	SilenceAt time.Time        // when that began
}

func newTally() *Tally {
	return &Tally{answered: time.Now(), counts: Counts{
		Calls: map[string]int64{}, OK: map[string]int64{}, Replays: map[string]int64{}, Refusals: map[string]int64{}, NoAnswer: map[string]int64{},
	}}
}

func (t *Tally) attempted(name string, took time.Duration, replayed bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Calls[name]++
	t.counts.Longest = max(t.counts.Longest, took)
	switch refusal := Refusal(err); {
	case err == nil:
		t.counts.OK[name]++
		if replayed {
			t.counts.Replays[name]++
		}
	case refusal != nil:
		t.counts.Refusals[refusal.GetReason().String()]++
	default:
		t.counts.NoAnswer[connect.CodeOf(err).String()]++
	}
	if err != nil && !Final(err) {
		return
	}
	t.heard++
	t.counts.Slowest = max(t.counts.Slowest, took)
	now := time.Now()
	if silence := now.Sub(t.answered); silence > t.counts.Silence {
		t.counts.Silence, t.counts.SilenceAt = silence, t.answered
	}
	t.answered = now
}

// Answered is how many attempts were answered OK so far.
func (t *Tally) Answered() (n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, count := range t.counts.OK {
		n += count
	}
	return n
}

// Heard is how many attempts were answered OK or finally so far: while it does not
// grow, nobody is served.
func (t *Tally) Heard() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.heard
}

// Restart begins the measure of silence anew: the shop was closed meanwhile.
func (t *Tally) Restart() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answered = time.Now()
}

// Counts are the figures so far.
func (t *Tally) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.counts
	c.Calls, c.OK, c.Replays = maps.Clone(c.Calls), maps.Clone(c.OK), maps.Clone(c.Replays)
	c.Refusals, c.NoAnswer = maps.Clone(c.Refusals), maps.Clone(c.NoAnswer)
	c.Lost = t.lost.Load()
	return c
}

// broken notes an answer that breaks a promise.
func (t *Tally) broken(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.promises = append(t.promises, fmt.Sprintf(format, args...))
}

// Broken are the promises that answers broke so far, in words.
func (t *Tally) Broken() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.promises...)
}
