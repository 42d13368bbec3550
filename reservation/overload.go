package reservation

import "time"

// overload is why a call was refused before it was begun, in words for its caller.
type overload string

const (
	queueFull    overload = "the queue is full"
	queueSlow    overload = "the queue is too long for the time there is"
	queueClosed  overload = "the ledger is closing"
	noTime       overload = "no time was left to start"
	noTimeToLook overload = "no time was left to look it up"
	soldOut      overload = "too many ask for what is nearly or quite sold out"
)

// causes are how they are counted.
var causes = map[overload]string{
	queueFull: "queue_full", queueSlow: "queue_slow", queueClosed: "closing",
	noTime: "no_time", noTimeToLook: "no_time", soldOut: "sold_out",
}

// overloaded refuses work that was not begun, and never will be.
func overloaded(why overload, retryAfter time.Duration) *Refusal {
	countOverload(why)
	return &Refusal{Reason: Overloaded, Message: "overloaded: " + string(why) + "; nothing was done", RetryAfter: retryAfter}
}
