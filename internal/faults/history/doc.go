// Package history lets clients race against two real processes under faults,
// writes down what each of them asked and heard, and then asks whether one order
// of events explains all of it: every call happened at one moment between its
// start and its answer, or never if nobody answered.
//
// What an order must obey is written here a second time, from the contract and
// not from the program: the state table (table.go), what becomes of one
// reservation (hold.go), and how a shelf's stock is counted (shelf.go). The
// checker is porcupine, which searches the orders. Two models look at a history:
//
//   - by reservation: the state table alone. Whether stock was there is left open.
//   - by shelf: two skus and all reservations of them, with every counter exact.
//     A Try that was accepted had the stock when it happened; one that was refused
//     did not, and the figures it was given were the true ones; every read saw
//     exactly what there was. A reservation's lines lie on one shelf, so shelves
//     can be checked apart.
//
// What the program does by itself is between the calls: a hold may run out once
// it is due, and may be ended by the owner's word once that was given, at any
// later moment or never.
//
// Three things follow from how calls can fail:
//
//   - A call without a final answer may happen at any time up to the end of the
//     history, or not at all. One whose connection was refused never did; nor did
//     one that was refused as OVERLOADED, which the contract promises.
//   - A process that loses the reply to a COMMIT runs the batch again by itself,
//     and what had happened is a replay then. So a call that was under way when a
//     process logged such a loss may also have happened once more, unseen, before
//     its answer came about: an [Operation] of its own, its echo.
//   - The ledger is not killed here. A database may show a transaction to a reader
//     a moment before it would survive a crash, so a kill can take back what was
//     read though never what was answered: no history explains that. Package
//     stores kills it and compares books.
//
// A history that no order explains is kept in a folder, as JSON and as a page to
// look at, and the failure names the folder.
package history
