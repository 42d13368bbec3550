package history

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// recorded is what clients of two real processes recorded on three shelves.
func recorded(t *testing.T) History {
	t.Helper()
	h, err := ReadHistory("testdata/recorded.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, h.Operations)
	return h
}

func TestRecordedIsExplained(t *testing.T) {
	require.NoError(t, recorded(t).Check())
}

// Changed at one place, the same record is explained no more.
func TestRecordedWithAnInjury(t *testing.T) {
	for name, injury := range map[string]struct {
		here func(op Operation) bool
		harm func(h *History, at int)
	}{
		"an oversell: a Try that was refused is accepted": {
			func(op Operation) bool { return op.Answer.Refusal == insufficient && op.Call.Kind == Try },
			func(h *History, at int) {
				op := &h.Operations[at]
				op.Answer = Answer{State: reserved, Lines: op.Call.Lines, Expires: op.Called + op.Call.TTL}
			},
		},
		"stock that exists is refused": {
			func(op Operation) bool { return op.Answer.Refusal == insufficient && op.Call.Kind == Try },
			func(h *History, at int) {
				op := &h.Operations[at]
				for sku, told := range op.Answer.Short {
					if told != nil {
						enough := op.Call.Lines[sku]
						op.Answer.Short[sku] = &enough
					}
				}
			},
		},
		"an accepted Try is lost": {
			func(op Operation) bool {
				return op.Call.Kind == Try && op.Answer.Refusal == 0 && !op.Answer.Replayed
			},
			func(h *History, at int) {
				lost := h.Operations[at].Call
				h.Operations = append(h.Operations, Operation{Call: Call{Kind: Read, Shelf: lost.Shelf, Hold: lost.Hold},
					Answer: Answer{Refusal: notFound}, Called: time.Hour, Returned: time.Hour + 1})
			},
		},
		"a Confirm after the release": {
			func(op Operation) bool { return op.Call.Kind == Confirm && op.Answer.Refusal == released },
			func(h *History, at int) {
				answer := &h.Operations[at].Answer
				answer.Refusal, answer.State = 0, confirmed
			},
		},
		"a unit is given back twice": {
			func(op Operation) bool { return op.Call.Kind == ReadStock && op.Answer.Refusal == 0 },
			func(h *History, at int) {
				h.Operations[at].Answer.Available++
				h.Operations[at].Answer.Stock.Reserved--
			},
		},
		"an adjustment is done twice": {
			func(op Operation) bool {
				return op.Call.Kind == AdjustStock && op.Answer.Refusal == 0 && op.Answer.Replayed
			},
			func(h *History, at int) { h.Operations[at].Answer.Replayed = false },
		},
	} {
		t.Run(name, func(t *testing.T) {
			sound := recorded(t)
			places := 0
			for at, op := range sound.Operations {
				if !injury.here(op) {
					continue
				}
				places++
				t.Run(fmt.Sprint(at), func(t *testing.T) {
					h := sound
					h.Operations = slices.Clone(sound.Operations)
					injury.harm(&h, at)
					h.Operations = slices.DeleteFunc(h.Operations, func(other Operation) bool { return other.Call.Shelf != op.Call.Shelf })
					requireUnexplained(t, h)
				})
			}
			require.GreaterOrEqual(t, places, 3, "the record is too poor")
			t.Logf("%d places", places)
		})
	}
}
