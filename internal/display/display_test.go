package display_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/display"
)

// Scripts and golden files get the same bytes from every build, zero or not.
func TestJSONIsStable(t *testing.T) {
	stock := &stockholdv1.Stock{Sku: "mug", LocationId: "default", OnHand: 7}
	var out bytes.Buffer
	require.NoError(t, display.Line(&out, stock))
	require.Equal(t, `{"sku":"mug","locationId":"default","onHand":"7","reserved":"0","committed":"0","available":"0","version":"0"}`+"\n", out.String())
	out.Reset()
	require.NoError(t, display.Document(&out, &stockholdv1.GetStockResponse{Stock: &stockholdv1.Stock{Sku: "a"}}))
	require.True(t, strings.HasPrefix(out.String(), "{\n  \"stock\": {\n    \"sku\": \"a\",\n"), out.String())
}

func TestTablesAreAligned(t *testing.T) {
	table := display.StockTable()
	table.Stock(&stockholdv1.Stock{Sku: "a-long-sku", LocationId: "default", OnHand: 1_000_000})
	table.Stock(&stockholdv1.Stock{Sku: "b", LocationId: "x"})
	var out bytes.Buffer
	require.NoError(t, table.Print(&out))
	require.Equal(t, ""+
		"SKU         LOCATION  ON HAND  RESERVED  COMMITTED  AVAILABLE  VERSION\n"+
		"a-long-sku  default   1000000  0         0          0          0\n"+
		"b           x         0        0         0          0          0\n", out.String())
	require.Equal(t, 2, table.Rows())
}

// What strangers wrote does not move the cursor, add rows or shift columns.
func TestTextOfStrangersIsPlain(t *testing.T) {
	table := display.HoldTable()
	table.Hold(&stockholdv1.Reservation{ReservationId: "a", State: stockholdv1.State_STATE_RESERVED, Parked: true,
		Reference: "x\x1b[2J\ny\tz \u202eé\"", CreatedAt: timestamppb.New(time.Date(2026, 3, 1, 2, 3, 4, 5, time.UTC))})
	var out bytes.Buffer
	require.NoError(t, table.Print(&out))
	require.Equal(t, 2, strings.Count(out.String(), "\n"))
	require.Contains(t, out.String(), `x\x1b[2J\ny\tz \u202eé\"`)
	require.Contains(t, out.String(), "RESERVED, parked")
	require.Contains(t, out.String(), "2026-03-01T02:03:04Z")
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestWhatCannotBePrintedIsAnError(t *testing.T) {
	require.ErrorContains(t, display.Line(full{}, &stockholdv1.Stock{}), "no space left")
	require.ErrorContains(t, display.NewTable("A").Print(full{}), "no space left")
}

// Off a terminal progress is lines, now and then; a step that ends soon says nothing.
func TestProgressOffATerminal(t *testing.T) {
	var out bytes.Buffer
	p := display.NewProgress(&out, false, "import", "rows", 10)
	p.Add(10)
	p.End()
	require.Empty(t, out.String())
	bar := display.NewProgress(&out, true, "import", "rows", 10)
	bar.Add(10)
	bar.End()
	require.Contains(t, out.String(), "import")
}
