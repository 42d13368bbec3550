package demo

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/orders"
)

var monday = time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC)

func placed(invoice, customer string, hours int, lines ...orders.Line) *order {
	return &order{Event: orders.Event{
		Kind: orders.Sale, Invoice: invoice, Customer: customer, At: monday.Add(time.Duration(hours) * time.Hour), Lines: lines,
	}}
}

func back(customer string, lines ...orders.Line) orders.Event {
	return orders.Event{Kind: orders.Cancellation, Invoice: "C1", Customer: customer, Lines: lines}
}

func invoices(all []*order) []string {
	var names []string
	for _, o := range all {
		names = append(names, o.Invoice)
	}
	return names
}

func TestYardShipsAfterADay(t *testing.T) {
	y := newYard()
	y.add(placed("1", "ann", 0, orders.Line{SKU: "mug", Quantity: 1}))
	y.add(placed("2", "bob", 5, orders.Line{SKU: "mug", Quantity: 1}))
	require.Empty(t, y.due(monday.Add(23*time.Hour)))
	require.Equal(t, []string{"1"}, invoices(y.due(monday.Add(24*time.Hour))))
	require.Nil(t, y.take(back("ann", orders.Line{SKU: "mug", Quantity: 1})), "it has left the house")
	require.Equal(t, []string{"2"}, invoices(y.due(monday.Add(100*time.Hour))))
	require.Empty(t, y.known)
}

func TestYardKnowsAWholeOrderByItsGoods(t *testing.T) {
	mugs := orders.Line{SKU: "mug", Quantity: 2}
	jam := orders.Line{SKU: "jam", Quantity: 1}
	y := newYard()
	y.add(placed("1", "ann", 0, mugs, jam))
	y.add(placed("2", "ann", 1, jam, mugs))
	y.add(placed("3", "", 2, mugs, jam))
	require.Nil(t, y.take(back("ann", mugs)), "a part is not the whole")
	require.Nil(t, y.take(back("bob", mugs, jam)), "another customer")
	require.Nil(t, y.take(back("", mugs, jam)), "nobody in particular")

	split := []orders.Line{{SKU: "mug", Quantity: 1}, {SKU: "jam", Quantity: 1}, {SKU: "mug", Quantity: 1}}
	require.Equal(t, "2", y.take(back("ann", split...)).Invoice, "the latest")
	require.Equal(t, "1", y.take(back("ann", split...)).Invoice)
	require.Nil(t, y.take(back("ann", split...)))
	require.Equal(t, []string{"3"}, invoices(y.due(monday.Add(100*time.Hour))), "what was taken back is not shipped")
}

func TestYardIsBounded(t *testing.T) {
	y := newYard()
	shipped := 0
	for i := range 5 * mostUnshipped {
		y.add(placed(fmt.Sprint(i), "ann", 0, orders.Line{SKU: "mug", Quantity: 1}))
		shipped += len(y.due(monday))
		require.LessOrEqual(t, len(y.orders), mostUnshipped)
	}
	require.Equal(t, 4*mostUnshipped, shipped)
}
