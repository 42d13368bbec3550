// Package orders is where orders come from: files of a shop's real invoices, and
// a mix that is made up.
//
// Both are a [Source] of events, oldest first: sales, cancellations and
// write-offs, each with its lines. What a shop does about them is not decided
// here.
//
//	file, err := orders.Open("retail.csv.gz")
//	...
//	for {
//		event, err := file.Next()
//		if err == io.EOF {
//			break
//		}
//		...
//	}
//
// A file has one row per order line, and names its columns in the first row, in
// any order and case, by one of two vocabularies:
//
//	invoice,ts,customer,sku,qty,unit_price,country
//	InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
//
// The second one is that of the UCI "Online Retail" data set. Other columns are
// passed over, and the customer's may be missing. Invoices whose number is a
// C and digits are cancellations; quantities below zero elsewhere are write-offs. What
// is no goods, or what stockhold would refuse however it was sent, is left out and
// counted ([LeftOut]); what cannot be understood is an error that names line,
// column and value.
//
// A file is read as a stream: in memory are the invoices that may still go on, and
// the numbers of those that ended.
package orders
