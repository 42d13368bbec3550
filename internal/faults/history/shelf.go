package history

import (
	"slices"
	"time"
)

// shelf is a few stock rows and all reservations of them.
type shelf struct {
	rows  [SKUs]row
	holds [Holds]hold
	done  [Adjustments]Adjusted
}

// row is a stock row; its version is the last one that was seen.
type row struct {
	made  bool
	stock Stock
}

// Adjustments is how many adjustment ids a shelf has. Each is of one sku.
const Adjustments = 10

// Adjusted is what was done under an adjustment id.
type Adjusted struct {
	set, expects, used bool
	amount, expected   int64
}

func adjusted(c Call) Adjusted {
	a := Adjusted{used: true, set: c.Kind == SetStock, amount: c.Amount}
	if c.Expected != nil {
		a.expects, a.expected = true, *c.Expected
	}
	return a
}

func (r row) available() int64 { return r.stock.OnHand - r.stock.Reserved - r.stock.Committed }

// step lists what a shelf may be after an operation.
func (s shelf) step(e event, answer Answer, word func(hold int) Word) []shelf {
	var after []shelf
	for _, now := range s.alone(e.Until, word) {
		if e.Call.Kind.ofStock() {
			after = append(after, now.stockCall(e.Call, answer)...)
			continue
		}
		for _, out := range now.holds[e.Call.Hold].outcomes(e, answer) {
			if now.allows(out, e.Call, answer) {
				after = append(after, now.with(e.Call.Hold, out.hold))
			}
		}
	}
	return after
}

// alone is the shelf after everything that the program may have done by itself.
func (s shelf) alone(until time.Duration, word func(hold int) Word) []shelf {
	all := []shelf{s}
	for i, h := range s.holds {
		for _, next := range h.alone(until, word(i))[1:] {
			for _, before := range slices.Clone(all) {
				all = append(all, before.with(i, next))
			}
		}
	}
	return all
}

// with puts a hold in place of another, and moves the stock that this moves.
func (s shelf) with(i int, next hold) shelf {
	was, is := moves[s.holds[i].state], moves[next.state]
	for sku, units := range next.lines {
		stock := &s.rows[sku].stock
		stock.OnHand += (is.onHand - was.onHand) * units
		stock.Reserved += (is.reserved - was.reserved) * units
		stock.Committed += (is.committed - was.committed) * units
	}
	s.holds[i] = next
	return s
}

// allows reports whether the stock is as an outcome wants it.
func (s shelf) allows(out outcome, call Call, answer Answer) bool {
	lines := out.hold.lines
	if call.Kind == Try {
		lines = call.Lines
	}
	missing, fits, figures := false, true, true
	for sku, units := range lines {
		if units == 0 {
			figures = figures && answer.Short[sku] == nil
			continue
		}
		r := s.rows[sku]
		missing = missing || !r.made
		short := r.available() < units
		fits = fits && !short
		told := answer.Short[sku]
		figures = figures && short == (told != nil) && (told == nil || *told == r.available())
	}
	switch out.want {
	case enough:
		return !missing && fits
	case tooFew:
		// What a refused Confirm says of stock is best effort, once it is repeated.
		return !missing && !fits && (figures || answer.Open || call.Kind != Try)
	case unknown:
		return missing
	default:
		return true
	}
}

// stockCall lists what a shelf may be after a call on a stock row.
func (s shelf) stockCall(call Call, answer Answer) []shelf {
	if call.Kind == ReadStock {
		if !s.rows[call.SKU].made {
			return only(s, answer.Refusal == unknownSKU)
		}
		return s.shows(call.SKU, answer)
	}
	if answer.Open {
		return append(s.change(call, answer), s)
	}
	return s.change(call, answer)
}

// change corrects on_hand, once per adjustment id.
func (s shelf) change(call Call, answer Answer) []shelf {
	want := adjusted(call)
	if known := s.done[call.Adjustment]; known.used {
		switch {
		case answer.Open:
			return nil
		case known != want:
			return only(s, answer.Refusal == idReused)
		case !answer.Replayed:
			return nil
		}
		return s.shows(call.SKU, answer)
	}
	r := &s.rows[call.SKU]
	onHand := call.Amount
	if !want.set {
		onHand += r.stock.OnHand
	}
	switch {
	case want.expects && want.expected != r.stock.OnHand:
		return only(s, answer.Refusal == stale)
	case !want.set && onHand < 0 && call.Amount < 0:
		told := answer.Short[call.SKU]
		return only(s, answer.Refusal == insufficient && told != nil && *told == r.stock.OnHand)
	}
	s.done[call.Adjustment] = want
	r.stock.OnHand, r.made = onHand, true
	if answer.Open {
		return []shelf{s}
	}
	if answer.Replayed {
		return nil
	}
	return s.shows(call.SKU, answer)
}

// shows is the shelf if an answer shows a row as it is, and of no earlier version
// than was seen.
func (s shelf) shows(sku int, answer Answer) []shelf {
	stock := &s.rows[sku].stock
	want := *stock
	want.Version = answer.Stock.Version
	if answer.Refusal != 0 || answer.Stock != want || answer.Available != s.rows[sku].available() || want.Version < stock.Version {
		return nil
	}
	*stock = want
	return []shelf{s}
}

func only(s shelf, ok bool) []shelf {
	if !ok {
		return nil
	}
	return []shelf{s}
}
