package demo

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/audit"
	"stockhold/internal/orders"
)

// Result is all that a demonstration has to show.
type Result struct {
	Run     string         `json:"run"` // the owner and the location that it used
	Stores  string         `json:"stores"`
	Source  string         `json:"source"` // where the orders came from
	Seed    uint64         `json:"seed"`
	LeftOut orders.LeftOut `json:"left_out"` // rows of the file, read until the last order

	Orders   int64   `json:"orders"`
	Lines    int64   `json:"lines"`
	Units    int64   `json:"units"`
	Held     int64   `json:"held"` // orders whose Try was answered OK, as far as the shop knows
	Outcomes []Count `json:"outcomes"`
	// What became of the orders that were sold.
	AwaitDispatch int64 `json:"await_dispatch"`
	Shipped       int64 `json:"shipped"`
	TakenBack     int64 `json:"taken_back"`
	// What was no order, in lines.
	Restocked        int64 `json:"restocked_lines"`
	WrittenOff       int64 `json:"written_off_lines"`
	WriteOffsRefused int64 `json:"write_offs_refused_lines"`

	Calls       int64   `json:"calls"`
	Repeats     int64   `json:"repeats"` // of calls that a store or a queue could not take just then
	Lost        []Count `json:"lost_requests"`
	Dropped     []Count `json:"lost_answers"`
	Doubled     int64   `json:"sent_twice"`
	Replays     []Count `json:"replays"`
	Intercepted []Count `json:"intercepted"`

	Healing Healing      `json:"healing"`
	Books   Comparison   `json:"books"`
	Audit   audit.Report `json:"audit"`
	// Surprises are answers that no story of an order has.
	Surprised int64    `json:"surprises_total"`
	Surprises []string `json:"surprises"`
	// Trouble is why the demonstration could not be brought to its end.
	Trouble string `json:"trouble,omitempty"`

	ReplayTook Milliseconds `json:"replay_ms"`
	Took       Milliseconds `json:"took_ms"`
}

// Milliseconds is a duration as JSON has it.
type Milliseconds int64

// Count is how often something happened.
type Count struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// Err is nil if everything is as it was promised: the books agree to the unit, the
// audit is clean, and nothing was answered that should not be. Else it says what
// is wrong.
func (r Result) Err() error {
	var faults []error
	if r.Trouble != "" {
		faults = append(faults, errors.New("it did not come to its end: "+r.Trouble))
	}
	if !r.Books.Agree() {
		faults = append(faults, fmt.Errorf("the books differ in %d places", r.Books.Total))
	}
	if err := r.Audit.Err(true); err != nil && r.Trouble == "" {
		faults = append(faults, fmt.Errorf("the audit is not clean: %w", err))
	}
	if r.Surprised > 0 {
		faults = append(faults, fmt.Errorf("%d answers were not as they should be", r.Surprised))
	}
	return errors.Join(faults...)
}

// collect takes over what shop, books and network counted.
func (r *Result) collect(s *shop, t *tally) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range outcomeNames {
		n := s.outcomes[o.outcome]
		r.Outcomes = append(r.Outcomes, Count{o.name, n})
		r.Orders += n
	}
	r.Held = s.holds
	r.Restocked, r.WrittenOff, r.WriteOffsRefused = s.trade.restocked, s.trade.writtenOff, s.trade.writeOffsRefused
	r.Surprised, r.Surprises = s.surprised, append([]string{}, s.surprises...)

	words := s.books.words()
	r.AwaitDispatch, r.Shipped, r.TakenBack = words[committed], words[shipped], words[returned]

	t.mu.Lock()
	defer t.mu.Unlock()
	r.Calls, r.Repeats, r.Doubled = t.calls, t.repeats, t.doubled
	r.Lost, r.Dropped, r.Replays = inOrder(t.lost), inOrder(t.dropped), inOrder(t.replays)
	r.Intercepted = t.intercepted()
	r.Healing.Expired = t.expired
	for verdict, name := range verdictNames {
		if n := t.questions[stockholdv1.Verdict(verdict)]; n > 0 {
			r.Healing.Questions = append(r.Healing.Questions, Count{name, n})
		}
	}
}

// outcomeNames are in the order of the report.
var outcomeNames = []struct {
	outcome outcome
	name    string
}{
	{sold, "sold"},
	{unpaid, "payment failed"},
	{short, "refused for stock"},
	{givenUp, "given up without an answer"},
	{left, "customer left before the Try"},
	{stale, "refused as too late"},
	{expired, "expired before the payment"},
	{malformed, "refused as malformed"},
}

var verdictNames = [...]string{
	stockholdv1.Verdict_VERDICT_COMMIT:  "COMMIT",
	stockholdv1.Verdict_VERDICT_ABORT:   "ABORT",
	stockholdv1.Verdict_VERDICT_PENDING: "PENDING",
	stockholdv1.Verdict_VERDICT_UNKNOWN: "UNKNOWN",
}

// calls are in the order of an order's life.
var calls = []string{callTry, callConfirm, callCancel, callFulfill, callReturn, callAdjust}

func inOrder(byCall map[string]int64) []Count {
	counts := []Count{}
	for _, call := range calls {
		if n := byCall[call]; n > 0 {
			counts = append(counts, Count{call, n})
		}
	}
	return counts
}

func sum(counts []Count) int64 {
	var total int64
	for _, c := range counts {
		total += c.Count
	}
	return total
}

// words counts the orders by what was decided about them.
func (b *books) words() map[word]int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := map[word]int64{}
	for a := range maps.Values(b.orders) {
		counts[a.word]++
	}
	return counts
}

// stateName is a state as people say it.
func stateName(state stockholdv1.State) string { return strings.TrimPrefix(state.String(), "STATE_") }
