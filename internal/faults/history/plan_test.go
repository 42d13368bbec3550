//go:build faults

package history

import (
	"math/rand/v2"
	"slices"
	"time"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// plan is what clients race for: shelves that are opened one after another and
// stay open for a while, so that many meet on few, and the calls on each remain
// few enough to be judged.
type plan struct {
	seed    uint64
	shelves int
	open    int           // at one time
	every   time.Duration // one is opened and one closed
}

// shelf draws one of those that are open; false when the last one is closed.
func (p plan) shelf(elapsed time.Duration, random *rand.Rand) (int, bool) {
	newest := int(elapsed / p.every)
	oldest := max(newest-p.open+1, 0)
	newest = min(newest, p.shelves-1)
	if oldest > newest {
		return 0, false
	}
	return oldest + random.IntN(newest-oldest+1), true
}

// of is a source of what is settled about a thing for the whole run.
func (p plan) of(kind, shelf, number int) *rand.Rand {
	return rand.New(rand.NewPCG(p.seed, uint64(kind)<<40|uint64(shelf)<<8|uint64(number)))
}

const (
	ofHolds = iota
	ofAdjustments
)

// try is the Try that belongs to a reservation.
func (p plan) try(key Key) Call {
	random := p.of(ofHolds, key.Shelf, key.Hold)
	call := Call{Kind: Try, Shelf: key.Shelf, Hold: key.Hold, TTL: time.Second, Policy: policies[random.IntN(len(policies))]}
	switch draw := random.IntN(10); {
	case draw < 6:
		call.Lines[0] = 1 + random.Int64N(4)
	case draw < 7:
		call.Lines[1] = 1 + random.Int64N(4)
	default:
		call.Lines = Units{1 + random.Int64N(3), 1 + random.Int64N(3)}
	}
	return call
}

// policies of holds: most are released, for that is what gives stock back.
var policies = []stockholdv1.OnExpiry{
	stockholdv1.OnExpiry_ON_EXPIRY_RELEASE, stockholdv1.OnExpiry_ON_EXPIRY_RELEASE, stockholdv1.OnExpiry_ON_EXPIRY_RELEASE,
	stockholdv1.OnExpiry_ON_EXPIRY_ASK, stockholdv1.OnExpiry_ON_EXPIRY_ASK, stockholdv1.OnExpiry_ON_EXPIRY_CONFIRM,
}

// verdict is what the decider says about a reservation, whenever it is asked.
func (p plan) verdict(key Key) stockholdv1.Verdict {
	return [...]stockholdv1.Verdict{
		stockholdv1.Verdict_VERDICT_COMMIT, stockholdv1.Verdict_VERDICT_ABORT, stockholdv1.Verdict_VERDICT_PENDING,
	}[(key.Shelf+key.Hold)%3]
}

// adjustment is the change that belongs to an adjustment id.
func (p plan) adjustment(shelf, number int) Call {
	random := p.of(ofAdjustments, shelf, number)
	call := Call{Kind: AdjustStock, Shelf: shelf, Adjustment: number, SKU: random.IntN(SKUs), Amount: 1 + random.Int64N(5)}
	switch draw := random.IntN(10); {
	case number == 0:
		return p.opening(shelf)
	case draw < 2:
		call.Amount = -random.Int64N(3) - 1
	case draw < 5:
		call.Kind, call.Amount = SetStock, random.Int64N(10)
		if draw < 3 {
			expected := random.Int64N(6)
			call.Expected = &expected
		}
	}
	return call
}

// opening is the change with which a shelf begins.
func (p plan) opening(shelf int) Call {
	return Call{Kind: SetStock, Shelf: shelf, Amount: 6}
}

// moods are what is asked how often of a shelf's reservations, each its own: one is
// soon decided, one in the end, one is forgotten by nearly everybody.
var moods = [Holds][]Kind{
	kinds(map[Kind]int{Try: 26, Confirm: 10, ConfirmAny: 6, Cancel: 5, Extend: 5, Fulfill: 6, Return: 5, Read: 12,
		SetStock: 3, AdjustStock: 7, ReadStock: 15}),
	kinds(map[Kind]int{Try: 40, Confirm: 2, ConfirmAny: 6, Cancel: 1, Extend: 5, Fulfill: 4, Return: 4, Read: 15,
		SetStock: 2, AdjustStock: 6, ReadStock: 15}),
	kinds(map[Kind]int{Try: 50, Confirm: 1, ConfirmAny: 3, Extend: 1, Fulfill: 2, Return: 2, Read: 18,
		SetStock: 2, AdjustStock: 6, ReadStock: 15}),
}

func kinds(weights map[Kind]int) (all []Kind) {
	for kind, weight := range weights {
		all = append(all, slices.Repeat([]Kind{kind}, weight)...)
	}
	slices.Sort(all)
	return all
}

// call draws a call on a shelf.
func (p plan) call(shelf int, random *rand.Rand) Call {
	key := Key{shelf, random.IntN(Holds)}
	mood := moods[key.Hold]
	other := random.IntN(8) == 0
	switch kind := mood[random.IntN(len(mood))]; kind {
	case Try:
		call := p.try(key)
		if other {
			call.Lines[random.IntN(SKUs)]++
		}
		return call
	case SetStock, AdjustStock:
		call := p.adjustment(shelf, random.IntN(Adjustments))
		if other {
			call.Amount += 4 // never 0, which is no change
		}
		return call
	case ReadStock:
		return Call{Kind: kind, Shelf: shelf, SKU: random.IntN(SKUs)}
	case Extend:
		return Call{Kind: kind, Shelf: shelf, Hold: key.Hold, TTL: time.Second + time.Duration(random.IntN(500))*time.Millisecond}
	default:
		return Call{Kind: kind, Shelf: shelf, Hold: key.Hold}
	}
}
