package orders

import (
	"fmt"
	"strings"
)

// column is what a row says about its line.
type column int

const (
	invoiceColumn column = iota
	timeColumn
	customerColumn
	skuColumn
	quantityColumn
	columns // how many there are
)

var columnNames = map[string]column{
	"invoice": invoiceColumn, "invoiceno": invoiceColumn,
	"ts": timeColumn, "invoicedate": timeColumn,
	"customer": customerColumn, "customerid": customerColumn, "customer id": customerColumn,
	"sku": skuColumn, "stockcode": skuColumn,
	"qty": quantityColumn, "quantity": quantityColumn,
}

// missing says how a column is called in both vocabularies.
var missing = [columns]string{
	invoiceColumn:  "invoice (or InvoiceNo)",
	timeColumn:     "ts (or InvoiceDate)",
	customerColumn: "customer (or CustomerID)",
	skuColumn:      "sku (or StockCode)",
	quantityColumn: "qty (or Quantity)",
}

// header says where in a record each column is, and what the file calls it.
type header struct {
	at   [columns]int // -1: nowhere
	name [columns]string
}

const byteOrderMark = "\ufeff"

func readHeader(record []string) (header, error) {
	var h header
	for c := range h.at {
		h.at[c] = -1
	}
	for i, name := range record {
		if i == 0 {
			name = strings.TrimPrefix(name, byteOrderMark)
		}
		name = strings.TrimSpace(name)
		c, known := columnNames[strings.ToLower(name)]
		if !known {
			continue
		}
		if h.at[c] >= 0 {
			return header{}, fmt.Errorf("the header names %s twice: as %q and as %q", missing[c], h.name[c], name)
		}
		h.at[c], h.name[c] = i, strings.Clone(name)
	}
	for c, at := range h.at {
		if at < 0 && column(c) != customerColumn {
			return header{}, fmt.Errorf("the header %q has no column %s", strings.Join(record, ","), missing[c])
		}
	}
	return h, nil
}
