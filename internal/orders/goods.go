package orders

import "strings"

// What stockhold accepts. An invoice's number is shorter than an id may be, so
// that ids can be made of it.
const (
	maxInvoice  = 36
	maxSKU      = 64
	maxQuantity = 1_000_000_000
	maxLines    = 2000
)

// nonGoods are the codes under which the data set books what lies on no shelf.
var nonGoods = map[string]bool{
	"POST": true, "DOT": true, "C2": true, "C3": true, // postage and carriage
	"M": true, "ADJUST": true, "ADJUST2": true, "B": true, // manual entries, adjustments, bad debt
	"D": true, "S": true, "GIFT": true, // discounts, samples, vouchers
	"BANK CHARGES": true, "AMAZONFEE": true, // fees
	"CRUK": true, // donations
	"PADS": true, // given along with cushions, for nothing
}

var nonGoodsBegin = []string{"GIFT_", "TEST00"}

func isGoods(sku string) bool {
	code := strings.ToUpper(sku)
	if nonGoods[code] {
		return false
	}
	for _, prefix := range nonGoodsBegin {
		if strings.HasPrefix(code, prefix) {
			return false
		}
	}
	return true
}

// isSKU reports whether stockhold accepts a sku: printable ASCII without space
// and braces.
func isSKU(sku string) bool {
	if len(sku) < 1 || len(sku) > maxSKU {
		return false
	}
	for i := range len(sku) {
		if b := sku[i]; b <= ' ' || b > '~' || b == '{' || b == '}' {
			return false
		}
	}
	return true
}

func isInvoice(number string) bool {
	if len(number) < 1 || len(number) > maxInvoice {
		return false
	}
	for i := range len(number) {
		b := number[i]
		letter := 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
		if !letter && (b < '0' || b > '9') && b != '.' && b != '_' && b != ':' && b != '-' {
			return false
		}
	}
	return true
}

// isCancellation reports whether an invoice's number says so: C and digits.
func isCancellation(number string) bool {
	return len(number) > 1 && (number[0] == 'C' || number[0] == 'c') && '0' <= number[1] && number[1] <= '9'
}
