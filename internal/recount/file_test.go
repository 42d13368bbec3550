package recount_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"stockhold/internal/recount"
	"stockhold/inventory"
)

func row(line int, location, sku string, onHand int64) recount.Row {
	return recount.Row{Key: inventory.Key{Location: location, SKU: sku}, OnHand: onHand, Line: line}
}

func TestRead(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		rows []recount.Row
	}{
		"two columns":      {"sku,on_hand\nmug,3\nspoon,0\n", []recount.Row{row(2, "default", "mug", 3), row(3, "default", "spoon", 0)}},
		"in another order": {"on_hand,location_id,sku\n3,berlin,mug\n4,,mug", []recount.Row{row(2, "berlin", "mug", 3), row(3, "default", "mug", 4)}},
		"from a spreadsheet": {"\ufeffSKU, On_Hand \r\n\"a,b\", 7 \r\n\r\nc,8\r\n",
			[]recount.Row{row(2, "default", "a,b", 7), row(4, "default", "c", 8)}},
		"failures of before": {"sku,on_hand,location_id,line,reason,message\nmug,3,default,9,INVALID,\"too, much\"\n", []recount.Row{row(2, "default", "mug", 3)}},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := recount.Read(strings.NewReader(tt.text))
			require.NoError(t, err)
			require.Equal(t, tt.rows, rows)
		})
	}
}

// All that is wrong with a file is told at once, by line.
func TestReadTellsWhatIsWrong(t *testing.T) {
	many := "sku,on_hand\n" + strings.Repeat("mug,x\n", 30)
	for name, tt := range map[string]struct{ text, says string }{
		"nothing":          {"", "line 1: the file is empty"},
		"heading alone":    {"sku,on_hand\n", "line 2: there is no row"},
		"no heading":       {"mug,3\n", `line 1: "mug" is no column`},
		"semicolons":       {"sku;on_hand\nmug;3\n", "with commas between"},
		"a column missing": {"sku,location_id\nmug,a\n", "line 1: the column on_hand is missing"},
		"a column twice":   {"sku,on_hand,sku\n", "line 1: the column sku is there twice"},
		"columns":          {"sku,on_hand\nmug\nmug,1,2\n", "line 2: has 1 columns, the heading has 2\n  line 3: has 3 columns"},
		"numbers":          {"sku,on_hand\na,1.5\nb,\nc,-1\nd,9000000000000\n", "line 2: on_hand is \"1.5\", must be a whole number\n  line 3: on_hand is \"\", must be a whole number\n  line 4: on_hand is -1"},
		"names":            {"sku,on_hand,location_id\na b,1,x\nm,1,x/y\n", "line 2: sku has ' ' at byte 1"},
		"twice":            {"sku,on_hand\nmug,1\nspoon,1\nmug,1\n", "line 4: default/mug is on line 2 already"},
		"a quote":          {"sku,on_hand\n\"mug,1\n", "line 2: extraneous or missing"},
		"too much of it":   {many, "line 21: on_hand is \"x\", must be a whole number\n  and maybe more"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := recount.Read(strings.NewReader(tt.text))
			var wrong *recount.FileError
			require.ErrorAs(t, err, &wrong)
			require.ErrorContains(t, err, tt.says)
		})
	}
	broken := errors.New("the disk is gone")
	_, err := recount.Read(iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
}

func FuzzRead(f *testing.F) {
	f.Add("sku,on_hand\nmug,3\n")
	f.Add("\ufeffsku,on_hand,location_id\n\"a\"\"b\",3,x\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := recount.Read(strings.NewReader(text))
		if (err == nil) != (len(rows) > 0) {
			t.Fatalf("%d rows and %v", len(rows), err)
		}
		seen := map[string]bool{}
		for _, r := range rows {
			if key := fmt.Sprint(r.Key); seen[key] || r.SKU == "" || r.OnHand < 0 {
				t.Fatalf("%+v", r)
			} else {
				seen[key] = true
			}
		}
	})
}
