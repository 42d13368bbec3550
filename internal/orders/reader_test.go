package orders_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/orders"
)

const ours = `invoice,ts,customer,sku,qty,unit_price,country
536365,2010-12-01 08:26:00,17850,85123A,6,2.55,United Kingdom
536365,2010-12-01 08:26:00,17850,POST,1,18.00,United Kingdom
536365,2010-12-01 08:26:00,17850,71053,6,3.39,United Kingdom
536365,2010-12-01 08:26:00,17850,71053,2,3.39,United Kingdom
C536379,2010-12-01 09:41:00,14527,D,-1,27.50,United Kingdom
C536383,2010-12-01 09:49:00,15311,35004C,-1,4.65,United Kingdom
536589,2010-12-01 16:50:00,,21777,-10,0.0,United Kingdom
`

// The same trade as the UCI's original writes it, its marks of encoding, its
// quotes and its line ends included.
const theirs = "\ufeffInvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\r\n" +
	"536365,85123A,\"WHITE HANGING HEART, \"\"T-LIGHT\"\"\",6,12/1/2010 8:26,2.55,17850,United Kingdom\r\n" +
	"536365,POST,POSTAGE,1,12/1/2010 8:26,18,17850,United Kingdom\r\n" +
	"536365,71053,WHITE METAL LANTERN \xa35,6,12/1/2010 8:26,3.39,17850,United Kingdom\r\n" +
	"536365,71053,WHITE METAL LANTERN,2,12/1/2010 8:26,3.39,17850,United Kingdom\r\n" +
	"C536379,D,Discount,-1,12/1/2010 9:41,27.5,14527,United Kingdom\r\n" +
	"C536383,35004C,SET OF 3 COLOURED FLYING DUCKS,-1,12/1/2010 9:49,4.65,15311,United Kingdom\r\n" +
	"536589,21777,,-10,12/1/2010 16:50,0,,United Kingdom\r\n"

func clock(hour, minute int) time.Time {
	return time.Date(2010, time.December, 1, hour, minute, 0, 0, time.UTC)
}

func trade() []orders.Event {
	return []orders.Event{
		{Kind: orders.Sale, Invoice: "536365", At: clock(8, 26), Customer: "17850", Lines: []orders.Line{
			{Number: 2, SKU: "85123A", Quantity: 6}, {Number: 4, SKU: "71053", Quantity: 6}, {Number: 5, SKU: "71053", Quantity: 2}}},
		{Kind: orders.Cancellation, Invoice: "C536383", At: clock(9, 49), Customer: "15311", Lines: []orders.Line{
			{Number: 7, SKU: "35004C", Quantity: 1}}},
		{Kind: orders.WriteOff, Invoice: "536589", At: clock(16, 50), Lines: []orders.Line{{Number: 8, SKU: "21777", Quantity: 10}}},
	}
}

func all(t *testing.T, source orders.Source) []orders.Event {
	t.Helper()
	var events []orders.Event
	for {
		event, err := source.Next()
		if err == io.EOF {
			return events
		}
		require.NoError(t, err)
		events = append(events, event)
	}
}

// readAll returns the error, of the header or of any row.
func readAll(text string) ([]orders.Event, orders.LeftOut, error) {
	reader, err := orders.NewReader(strings.NewReader(text))
	if err != nil {
		return nil, orders.LeftOut{}, err
	}
	var events []orders.Event
	for {
		event, err := reader.Next()
		if err == io.EOF {
			return events, reader.LeftOut(), nil
		}
		if err != nil {
			return events, reader.LeftOut(), err
		}
		events = append(events, event)
	}
}

func TestReaderReadsBothVocabularies(t *testing.T) {
	for name, text := range map[string]string{"ours": ours, "the UCI's": theirs} {
		t.Run(name, func(t *testing.T) {
			events, leftOut, err := readAll(text)
			require.NoError(t, err)
			require.Equal(t, trade(), events)
			require.Equal(t, orders.LeftOut{NonGoods: 2, Invoices: 1}, leftOut)
		})
	}
}

func TestOpenKnowsGzipByItsContent(t *testing.T) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err := w.Write([]byte(ours))
	require.NoError(t, err)
	require.NoError(t, w.Close())

	for name, content := range map[string][]byte{"orders.csv": zipped.Bytes(), "orders.gz": []byte(ours)} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			require.NoError(t, os.WriteFile(path, content, 0o600))
			file, err := orders.Open(path)
			require.NoError(t, err)
			require.Equal(t, trade(), all(t, file))
			require.Equal(t, 2, file.LeftOut().Total())
			require.NoError(t, file.Close())
		})
	}

	path := filepath.Join(t.TempDir(), "cut.gz")
	require.NoError(t, os.WriteFile(path, zipped.Bytes()[:zipped.Len()-12], 0o600))
	file, err := orders.Open(path)
	require.NoError(t, err)
	for err == nil {
		_, err = file.Next()
	}
	require.ErrorContains(t, err, path)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NoError(t, file.Close())

	_, err = orders.Open(filepath.Join(t.TempDir(), "nowhere.csv"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// Two tills at work at the same time.
func TestReaderGathersInvoicesThatAreMixed(t *testing.T) {
	events, _, err := readAll(`sku,qty,invoice,ts
tea,1,1,2010-12-01 08:26:00
mug,1,2,2010-12-01 08:26:00
jam,1,1,2010-12-01 08:27:00
pot,-1,1,2010-12-01 08:27:00
`)
	require.NoError(t, err)
	require.Equal(t, []orders.Event{
		{Kind: orders.Sale, Invoice: "2", At: clock(8, 26), Lines: []orders.Line{{3, "mug", 1}}},
		{Kind: orders.Sale, Invoice: "1", At: clock(8, 26), Lines: []orders.Line{{2, "tea", 1}, {4, "jam", 1}}},
		{Kind: orders.WriteOff, Invoice: "1", At: clock(8, 26), Lines: []orders.Line{{5, "pot", 1}}},
	}, events)
}

func TestReaderRefusesAnInvoiceThatWasScattered(t *testing.T) {
	var text strings.Builder
	text.WriteString("invoice,ts,sku,qty\nfirst,2010-12-01 08:26,a,1\n")
	for i := range 1100 {
		fmt.Fprintf(&text, "%d,2010-12-01 08:26,a,1\n", i)
	}
	text.WriteString("first,2010-12-01 08:26,a,1\n")
	_, _, err := readAll(text.String())
	require.ErrorContains(t, err, `line 1103: invoice "first" goes on after more than 1024 lines of others`)
}

func TestReaderLeavesOutWhatStockholdRefuses(t *testing.T) {
	header := "invoice,ts,sku,qty\n"
	for name, tt := range map[string]struct {
		rows    string
		leftOut orders.LeftOut
		lines   int
	}{
		"no goods": {rows: "1,2010-12-01 08:26,DOT,1\n1,2010-12-01 08:26,post,1\n1,2010-12-01 08:26,BANK CHARGES,1\n1,2010-12-01 08:26,gift_0001_20,1\n",
			leftOut: orders.LeftOut{NonGoods: 4, Invoices: 1}},
		"a sku with a space":      {rows: "1,2010-12-01 08:26,a b,1\n1,2010-12-01 08:26,a,1\n", leftOut: orders.LeftOut{SKU: 1}, lines: 1},
		"a sku with a brace":      {rows: "1,2010-12-01 08:26,a{b},1\n", leftOut: orders.LeftOut{SKU: 1, Invoices: 1}},
		"a sku beyond ASCII":      {rows: "1,2010-12-01 08:26,é,1\n", leftOut: orders.LeftOut{SKU: 1, Invoices: 1}},
		"no sku":                  {rows: "1,2010-12-01 08:26,,1\n", leftOut: orders.LeftOut{SKU: 1, Invoices: 1}},
		"a sku of 64":             {rows: "1,2010-12-01 08:26," + strings.Repeat("x", 64) + ",1\n", lines: 1},
		"a sku of 65":             {rows: "1,2010-12-01 08:26," + strings.Repeat("x", 65) + ",1\n", leftOut: orders.LeftOut{SKU: 1, Invoices: 1}},
		"no units":                {rows: "1,2010-12-01 08:26,a,0\n", leftOut: orders.LeftOut{Quantity: 1, Invoices: 1}},
		"a thousand million":      {rows: "1,2010-12-01 08:26,a,1000000000\n", lines: 1},
		"one more":                {rows: "1,2010-12-01 08:26,a,1000000001\n", leftOut: orders.LeftOut{Quantity: 1, Invoices: 1}},
		"more than a number":      {rows: "1,2010-12-01 08:26,a,99999999999999999999999\n", leftOut: orders.LeftOut{Quantity: 1, Invoices: 1}},
		"less than a number":      {rows: "1,2010-12-01 08:26,a,-99999999999999999999999\n", leftOut: orders.LeftOut{Quantity: 1, Invoices: 1}},
		"canceled and yet more":   {rows: "C1,2010-12-01 08:26,a,1\n", leftOut: orders.LeftOut{Quantity: 1, Invoices: 1}},
		"2,000 lines":             {rows: strings.Repeat("1,2010-12-01 08:26,a,1\n", 2000), lines: 2000},
		"2,002 lines":             {rows: strings.Repeat("1,2010-12-01 08:26,a,1\n", 2002), leftOut: orders.LeftOut{Long: 2002, Invoices: 1}},
		"a name that begins in C": {rows: "Carol-1,2010-12-01 08:26,a,1\n", lines: 1},
	} {
		t.Run(name, func(t *testing.T) {
			events, leftOut, err := readAll(header + tt.rows)
			require.NoError(t, err)
			require.Equal(t, tt.leftOut, leftOut)
			lines := 0
			for _, event := range events {
				lines += len(event.Lines)
			}
			require.Equal(t, tt.lines, lines)
		})
	}
}

func TestReaderNamesWhatItCannotUnderstand(t *testing.T) {
	header := "invoice,ts,sku,qty\n1,2010-12-01 08:26,a,1\n"
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":               {"", "is empty, must begin with a header"},
		"no quantity":           {"invoice,ts,sku\n", `the header "invoice,ts,sku" has no column qty (or Quantity)`},
		"a column twice":        {"invoice,InvoiceNo,ts,sku,qty\n", `the header names invoice (or InvoiceNo) twice: as "invoice" and as "InvoiceNo"`},
		"a quantity in letters": {header + "1,2010-12-01 08:26,a,six\n", `line 3, column 22: qty is "six", must be a whole number`},
		"half a unit":           {header + "1,2010-12-01 08:26,a,1.5\n", `line 3, column 22: qty is "1.5", must be a whole number`},
		"no such day":           {header + "1,2010-02-30 08:26,a,1\n", `line 3, column 3: ts is "2010-02-30 08:26", must be a time such as`},
		"an invoice in words":   {header + "the first,2010-12-01 08:26,a,1\n", `line 3, column 1: invoice is "the first", must be 1 to 36 of`},
		"a field too few":       {header + "1,2010-12-01 08:26,a\n", "record on line 3: wrong number of fields"},
		"a stray quote":         {header + "1,2010-12-01 08:26,a\"b,1\n", "line 3"},
		"a quote left open":     {header + "1,2010-12-01 08:26,\"" + strings.Repeat("x,", 1<<20), "after line 2: a row has more than 1048576 bytes"},
		"a value without end":   {header + "1,2010-12-01 08:26,a," + strings.Repeat("x", 1000) + "\n", `qty is "` + strings.Repeat("x", 80) + `...", must`},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := readAll(tt.text)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// Whatever a file holds, what comes out is well-formed, and every row is in an
// event or counted.
func FuzzReader(f *testing.F) {
	f.Add([]byte(ours))
	f.Add([]byte(theirs))
	f.Add([]byte("invoice,ts,sku,qty\nC1,2010-12-01T08:26:00Z,a,-1\n1,12/1/2010 8:26,a,2\n1,12/1/2010 8:26,b,-2\n"))
	f.Add([]byte("\x1f\x8b\x08"))
	f.Fuzz(func(t *testing.T, text []byte) {
		reader, err := orders.NewReader(bytes.NewReader(text))
		if err != nil {
			return
		}
		rows := 0
		seen := map[string]bool{}
		for {
			event, err := reader.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return
			}
			rows += len(event.Lines)
			require.Contains(t, []orders.Kind{orders.Sale, orders.Cancellation, orders.WriteOff}, event.Kind)
			require.Regexp(t, `^[A-Za-z0-9._:-]{1,36}$`, event.Invoice)
			require.False(t, seen[event.Kind.String()+event.Invoice])
			seen[event.Kind.String()+event.Invoice] = true
			require.NotEmpty(t, event.Lines)
			require.LessOrEqual(t, len(event.Lines), 2000)
			for _, line := range event.Lines {
				require.Regexp(t, `^[!-z|~]{1,64}$`, line.SKU)
				require.Positive(t, line.Quantity)
				require.LessOrEqual(t, line.Quantity, int64(1e9))
			}
		}
		if !bytes.Contains(text, []byte{'"'}) && !bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
			records := 0
			for _, line := range bytes.Split(text, []byte{'\n'}) {
				if len(bytes.TrimSuffix(line, []byte{'\r'})) > 0 {
					records++
				}
			}
			require.Equal(t, records-1, rows+reader.LeftOut().Total())
		}
	})
}
