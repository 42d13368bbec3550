package demo

import (
	"hash/fnv"
	"math/rand/v2"
)

// story is what happens to an order.
type story uint8

const (
	plainStory  story = iota // Try, payment, Confirm or Cancel; messages may be lost or doubled
	overtaken                // the customer leaves: the Cancel arrives before the Try
	stuckTry                 // the Try was on the way for so long that nobody wants it any more
	slowPayment              // payment takes longer than the hold lasts
	lateEnd                  // Confirm or Cancel arrives after the sweeper asked and acted
	lateTake                 // a hold that ends by itself: Confirm comes too late, and takes again if it can
	lateConfirm              // the same, but the Confirm does not ask to take again
	secondWish               // the customer pays and then presses "cancel" all the same
	stories                  // how many there are
)

// loss is what the network does to a message.
type loss uint8

const (
	arrives loss = iota
	requestLost
	answerLost
)

// copies say how often a message is delivered.
type copies uint8

const (
	once copies = iota
	twiceAtOnce
	twiceLater // the second one when the order is over
)

// delivery is what happens to one message.
type delivery struct {
	loss   loss
	copies copies
}

// fate is what becomes of an order: all of it is settled by the seed and the
// invoice's number, before anything is sent.
type fate struct {
	paid  bool
	story story
	try   delivery // of the Try; its request is not lost
	end   delivery // of the Confirm or Cancel
	again bool     // the shop repeats a Try whose answer was lost, rather than give the order up
}

// fateOf draws a fate.
func (o Options) fateOf(invoice string) fate {
	hash := fnv.New64a()
	hash.Write([]byte(invoice))
	random := rand.New(rand.NewPCG(o.Seed, hash.Sum64()))
	f := fate{
		paid:  !chance(random, o.Unpaid),
		try:   o.delivery(random, 0),
		end:   o.delivery(random, o.Lose),
		again: chance(random, 0.5),
	}
	if chance(random, o.Late) {
		f.story = story(1 + random.IntN(int(stories)-1))
		// What comes late has enough happening to it.
		f.try, f.end = delivery{}, delivery{}
	}
	return f
}

func (o Options) delivery(random *rand.Rand, lose Share) delivery {
	var d delivery
	switch {
	case chance(random, lose):
		return delivery{loss: requestLost}
	case chance(random, o.Lose/2):
		d.loss = answerLost
	}
	if chance(random, o.Twice) {
		d.copies = twiceAtOnce + copies(random.IntN(2))
	}
	return d
}

func chance(random *rand.Rand, share Share) bool { return random.Float64() < float64(share) }

// sells reports whether the order will take goods for good, if there are enough.
func (f fate) sells() bool {
	switch f.story {
	case overtaken, stuckTry, lateConfirm:
		return false
	case lateTake, secondWish:
		return true
	}
	return f.paid && (f.try.loss == arrives || f.again)
}
