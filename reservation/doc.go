// Package reservation holds stock for orders: the state table, the ledger and
// the service in front of both.
//
// Read it in this order. [Decide] in state.go is the state table: a pure
// function from a reservation's state and a call to what happens, and the only
// place that knows. An [Operation] is one call on its way. batch.go applies a
// set of operations in memory, to rows that are locked. [Ledger] runs batches:
// one transaction for whatever arrived while the last was in flight. try.go
// orders gate and ledger, and service.go is the front.
//
// Who is the truth: the [Store], a SQL database, through the ledger alone. The
// gate (package inventory) is asked first and never believed. Nothing is decided
// on what was read before it was locked, and every time that decides anything is
// the database's.
//
// What fails, and how it ends. A store that is away: [ErrUnavailable], nothing
// was done. A deadline that passes in the queue: refused as [Overloaded],
// nothing was done, nor will be. One that passes in a batch: [ErrInDoubt], and a
// repeat with the same id tells. A COMMIT whose reply is lost: the batch runs
// again, and what had happened becomes replays. A gate that is away: nobody
// notices but the database.
package reservation
