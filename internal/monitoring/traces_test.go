package monitoring

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/tracing"
)

func anySpan(span) bool { return true }

const (
	tryRPC     = "stockhold.v1.ReservationService/Try"
	confirmRPC = "stockhold.v1.ReservationService/Confirm"
	decideRPC  = "stockhold.v1.DecisionService/Decide"
)

// A call is in its caller's trace, and can be followed from there: to the round
// trip to Redis and to the transaction that carried it, which link back to it.
func TestACallCanBeFollowed(t *testing.T) {
	s := tell(t).sent
	require.Equal(t, "shop-stock", s.service)
	try := s.one(t, tryRPC, func(s span) bool {
		return s.about("confirmed") && !s.attributes["stockhold.replayed"].GetBoolValue()
	})
	require.Equal(t, tryTrace, try.trace)
	require.Equal(t, "aaaaaaaaaaaaaaaa", try.parent)

	linked := func(other span) bool { return other.linksTo(try) }
	for _, kind := range []tracing.Kind{tracing.Freeze, tracing.Batch} {
		var carried []span
		for _, found := range s.received(kind.Name, linked) {
			if try.linksTo(found) { // the replay's links to its Try, too
				carried = append(carried, found)
			}
		}
		require.Len(t, carried, 1, kind.Name)
		require.Equal(t, tryTrace, carried[0].trace)
	}
	batch := s.received(tracing.Batch.Name, linked)[0]
	require.NotEmpty(t, s.received(tracing.Settle.Name, func(settled span) bool { return settled.linksTo(batch) }))

	refused := s.one(t, tryRPC, func(s span) bool { return s.about("refused") })
	require.Equal(t, "INSUFFICIENT_STOCK", refused.attributes["stockhold.reason"].GetStringValue())
}

// What ends a hold later links to its Try, whoever does it and in whatever trace:
// the caller, the owner by its decider, or policy.
func TestTheEndLinksToTheTry(t *testing.T) {
	told := tell(t)
	s := told.sent
	tried := func(id string) span {
		return s.one(t, tryRPC, func(s span) bool { return s.about(id) && !s.attributes["stockhold.replayed"].GetBoolValue() })
	}
	confirm := s.one(t, confirmRPC, anySpan)
	require.Equal(t, confirmTrace, confirm.trace)
	require.True(t, confirm.linksTo(tried("confirmed")))
	replay := s.one(t, tryRPC, func(s span) bool { return s.about("confirmed") && s.attributes["stockhold.replayed"].GetBoolValue() })
	require.True(t, replay.linksTo(tried("confirmed")))

	check := s.one(t, tracing.Check.Name, func(s span) bool { return s.linksTo(tried("asked")) })
	pass := s.one(t, tracing.Pass.Name, func(s span) bool { return s.id == check.parent })
	require.True(t, pass.linksTo(tried("asked")), "it acted on the answer")
	require.Len(t, told.asked, 1)
	request := s.one(t, decideRPC, func(s span) bool { return s.parent == check.id })
	require.Equal(t, "00-"+pass.trace+"-"+request.id+"-01", told.asked[0].Get("Traceparent"), "the decider's part is in the trace")

	expiry := s.one(t, tracing.Batch.Name, func(s span) bool {
		return s.linksTo(tried("expired")) && s.trace != tryTrace
	})
	require.NotEmpty(t, s.received(tracing.Pass.Name, func(s span) bool { return s.id == expiry.parent }))
}

// A caller that does not sample its trace has none here.
func TestUnsampledCallsLeaveNothing(t *testing.T) {
	s := tell(t)
	s.sent.mu.Lock()
	defer s.sent.mu.Unlock()
	for _, span := range s.sent.spans {
		require.NotEqual(t, unsampled, span.trace)
		require.False(t, span.about("unsampled"))
	}
}

// The log says in which trace a state changed, and who changed it.
func TestTheLogNamesTraces(t *testing.T) {
	log := tell(t).log
	for _, want := range []string{
		`"level":"INFO","msg":"reservation changed","owner":"default","id":"confirmed","from":"NONE","to":"RESERVED","by":"CALLER","trace_id":"` + tryTrace,
		`"msg":"reservation changed","owner":"default","id":"confirmed","from":"RESERVED","to":"CONFIRMED","by":"CALLER","trace_id":"` + confirmTrace,
		`"msg":"reservation changed","owner":"orders","id":"asked","from":"RESERVED","to":"CONFIRMED","by":"CHECK_BACK"`,
		`"msg":"reservation changed","owner":"default","id":"expired","from":"RESERVED","to":"EXPIRED","by":"POLICY"`,
	} {
		require.Equal(t, 1, strings.Count(log, want), want)
	}
	require.NotContains(t, log, `"id":"refused"`)
	for _, line := range strings.Split(log, "\n") {
		if strings.Contains(line, `"id":"unsampled"`) {
			require.NotContains(t, line, "span_id", "the caller's own span is not sampled")
		}
	}
}
