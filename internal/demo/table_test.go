package demo

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/audit"
)

func TestPercentile(t *testing.T) {
	var took []time.Duration
	require.Zero(t, percentile(took, 50))
	for i := range 200 {
		took = append(took, time.Duration(i+1)*time.Millisecond)
	}
	require.EqualValues(t, 100, percentile(took, 50))
	require.EqualValues(t, 198, percentile(took, 99))
	require.EqualValues(t, 200, percentile(took, 100))
	require.EqualValues(t, 1, percentile(took[:1], 99))
}

func TestVerdicts(t *testing.T) {
	fine := Result{Audit: audit.Report{Complete: true}}
	for name, tt := range map[string]struct {
		spoil func(*Result)
		want  string
	}{
		"all is well":           {func(*Result) {}, "THE BOOKS AGREE to the unit and the audit is clean, after"},
		"the books differ":      {func(r *Result) { r.Books.differs("sku %s", "mug") }, "FAILED: the books differ in 1 places"},
		"the audit is not over": {func(r *Result) { r.Audit.Complete = false }, "FAILED: the audit is not clean"},
		"a strange answer":      {func(r *Result) { r.Surprised, r.Surprises = 1, []string{"order 1"} }, "FAILED: 1 answers were not as they should be"},
		"it broke off":          {func(r *Result) { r.Trouble, r.Audit.Complete = "sell: no power", false }, "FAILED: it did not come to its end: sell: no power, after"},
	} {
		t.Run(name, func(t *testing.T) {
			r := fine
			tt.spoil(&r)
			var table bytes.Buffer
			require.NoError(t, r.WriteTable(&table))
			require.Contains(t, table.String(), tt.want)
			require.NotRegexp(t, `(?m) +$`, table.String())
		})
	}
}

func TestProgressOnATerminalIsABar(t *testing.T) {
	var screen bytes.Buffer
	p := &progress{w: &screen, terminal: true}
	p.begin("selling", "orders", 4)
	for range 4 {
		p.add()
	}
	p.end()
	require.Contains(t, screen.String(), "selling")
	require.Contains(t, screen.String(), "100%")
	require.Contains(t, screen.String(), "(4/4")

	p = &progress{} // nowhere
	p.begin("selling", "orders", 4)
	p.add()
	p.set(3)
	p.end()
}
