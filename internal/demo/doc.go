// Package demo shows stockhold at its work: it plays an order service that sells,
// and a network between the two that loses, doubles and delays messages, and then
// compares, to the unit, what the order service believes with what stockhold
// holds.
//
//	 orders                       books ◄──── word ────┐
//	   │                            │                  │
//	 shop ── Try, Confirm, Cancel ──┤            DecisionService
//	   │                            │                  ▲
//	courier: loses, doubles, delays │             check-back
//	   │                            │                  │
//	   └────────────► stockhold ────┼──────────────────┘
//	                                ▼
//	                             verify
//
// Nobody cheats. The shop is a client of the wire contract like any other: it
// acts on what it is answered, and on nothing when an answer was lost. Its books
// (books.go) are written before a Confirm or Cancel leaves, so that they are what
// a check-back finds, and they are never corrected by what stockhold says later.
// What becomes of an order - is it paid, which of its messages are lost - is drawn
// from the seed and the invoice's number (fate.go), so it is the same in every
// run; only which orders come too late for scarce goods depends on who is faster.
//
// What happens to an order is one function each in stories.go. [Run] goes through
// everything in order: read the orders to choose the opening stock (survey.go,
// rehearsal.go), sell (replay.go), wait until the sweeper finished what was lost
// (healing.go), compare (verify.go), audit.
//
// The package does not start stockhold itself: [Options.Start] does, so the
// demonstration runs against whatever its caller wires together.
package demo
