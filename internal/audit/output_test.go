package audit

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func example() Report {
	r := newReport(2)
	r.Complete = true
	r.Ledger = LedgerExamined{Stocks: 3, Reservations: 1, Lines: 20}
	r.Gate = GateExamined{Judged: true, Rows: 3, NotLoaded: 1, LookedAgain: 1}
	r.add(GateBehind, Difference{Location: "default", SKU: "A", Expected: "version 8 or later", Found: "version 7, quota 3"})
	r.add(OnHandBelowZero, Difference{Location: "default", SKU: "C", Expected: "0", Found: "-1"})
	for _, sku := range []string{"A", "B", "C"} {
		r.add(Reserved, Difference{Location: "default", SKU: sku, Expected: "3", Found: "12"})
	}
	r.add(LineCount, Difference{Owner: "shop", ReservationID: "order-1", ReservationKey: 250186408382643315, Expected: "1 line", Found: "2 lines (RESERVED)"})
	r.add(LinesBySKU, Difference{Expected: "20 lines", Found: "19 lines"})
	return r
}

const exampleTable = `ledger  3 stock rows, 1 reservation, 20 lines  CONTRADICTS ITSELF: 5 differences
gate    3 rows, 1 not loaded                   differs from the ledger: 1 difference

CONTRADICTION reserved: 3
  The row's reserved is not the sum of its RESERVED lines: units are frozen by nobody, or held and on sale.
    WHAT       EXPECTED  FOUND
    default/A  3         12
    default/B  3         12
    and 1 more
  To do: Expected is what the lines add up to. Stop every stockhold, find out what wrote around it or which backup came back in part, correct the row (stock rows: add 1 to version, so that the gate takes the new figures), and audit again.

CONTRADICTION line_count: 1
`

func TestTable(t *testing.T) {
	var b strings.Builder
	require.NoError(t, example().WriteTable(&b))
	require.True(t, strings.HasPrefix(b.String(), exampleTable), b.String())
	require.Contains(t, b.String(), "    shop/order-1, rkey 250186408382643315  1 line    2 lines (RESERVED)\n")
	require.Contains(t, b.String(), "    all   20 lines  19 lines\n")
	require.Contains(t, b.String(), "\nNOTE on_hand_below_zero: 1\n")
	require.Equal(t, int64(5), example().Count(Contradiction))
}

func TestTableVerdicts(t *testing.T) {
	clean := Report{Complete: true, Gate: GateExamined{Judged: true}}
	away := Report{Complete: true, Gate: GateExamined{Unreadable: true, Reason: "no answer"}}
	many := Report{Complete: true, Gate: GateExamined{Unreadable: true, Reason: "no answer"},
		Findings: []Finding{{Kind: GatePending, Level: GateDiffers, Total: 3, AtLeast: true}}}
	for want, report := range map[string]Report{
		"ledger  0 stock rows, 0 reservations, 0 lines  clean\ngate    0 rows                                 clean\n":                                            clean,
		"ledger  0 stock rows, 0 reservations, 0 lines  clean\ngate    not read                               not judged: no answer\n":                            away,
		"ledger  0 stock rows, 0 reservations, 0 lines  not read to its end\ngate    not read                               not judged: the audit ended before\n": {},
	} {
		var b strings.Builder
		require.NoError(t, report.WriteTable(&b))
		require.Equal(t, want, b.String())
	}
	var b strings.Builder
	require.NoError(t, many.WriteTable(&b))
	require.Contains(t, b.String(), "differs from the ledger: 3 differences; not judged: no answer\n")
	require.Contains(t, b.String(), "GATE gate_pending: 3 or more\n")
	require.ErrorIs(t, clean.WriteTable(fullDisk{}), errFull)
}

var errFull = errors.New("the disk is full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestJSON(t *testing.T) {
	text, err := json.Marshal(example())
	require.NoError(t, err)
	var got map[string]any
	require.NoError(t, json.Unmarshal(text, &got))
	require.Equal(t, true, got["complete"])
	require.Equal(t, map[string]any{"stock_rows": 3.0, "reservations": 1.0, "lines": 20.0}, got["ledger"])
	require.Equal(t, map[string]any{"judged": true, "unreadable": false, "rows": 3.0, "not_loaded": 1.0, "looked_again": 1.0}, got["gate"])
	findings := got["findings"].([]any)
	require.Len(t, findings, 5)
	first := findings[0].(map[string]any)
	require.Equal(t, "reserved", first["kind"])
	require.Equal(t, "contradiction", first["level"])
	require.Equal(t, 3.0, first["total"])
	require.NotEmpty(t, first["meaning"])
	require.NotEmpty(t, first["remedy"])
	require.Equal(t, map[string]any{"location_id": "default", "sku": "A", "expected": "3", "found": "12"}, first["differences"].([]any)[0])
	second := findings[1].(map[string]any)["differences"].([]any)[0]
	require.Equal(t, map[string]any{"owner": "shop", "reservation_id": "order-1", "rkey": "250186408382643315",
		"expected": "1 line", "found": "2 lines (RESERVED)"}, second, "a key is too large for a number of JavaScript")

	text, err = json.Marshal(newReport(1))
	require.NoError(t, err)
	require.Contains(t, string(text), `"findings":[]`)
}

// Every kind has its words, once, and comes in the order of its gravity.
func TestTexts(t *testing.T) {
	seen := map[Kind]bool{}
	level := Contradiction
	for _, text := range texts {
		require.False(t, seen[text.kind], text.kind)
		seen[text.kind] = true
		require.NotEmpty(t, text.meaning)
		require.NotEmpty(t, text.remedy)
		if text.level != level {
			require.Contains(t, []string{"contradiction gate", "gate note"}, string(level)+" "+string(text.level))
			level = text.level
		}
	}
	require.Len(t, seen, 17)
}

func TestProgress(t *testing.T) {
	var b strings.Builder
	now := time.Now()
	l := &progressLine{w: &b, now: func() time.Time { return now }, started: now}
	l.show("lines", 1)
	l.clear()
	require.Empty(t, b.String(), "nothing before it takes long")
	now = now.Add(progressAfter)
	l.show("lines", 1234567)
	l.show("lines", 1234568)
	require.Equal(t, "\r\x1b[K1,234,567 lines, 2s", b.String())
	now = now.Add(progressEvery)
	l.show("gate rows", 5)
	l.clear()
	require.Equal(t, "\r\x1b[K1,234,567 lines, 2s\r\x1b[K5 gate rows, 2s\r\x1b[K", b.String())
	l.w = fullDisk{}
	now = now.Add(progressEvery)
	l.show("gate rows", 6) // is lost

	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer file.Close()
	show, done := ShowProgress(file)
	require.Nil(t, show, "not a terminal")
	done()
}
