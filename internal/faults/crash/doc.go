// Package crash kills the real program with SIGKILL at every named point of its
// work, under every condition that may hold at that moment, and looks at what is
// left. It is a matrix of points and conditions; TestCrash/try.committed/duplicate
// is one cell of it. TestCrashStorm does the same at random, under load, from a
// seed (-args -seed 7).
//
// # Points
//
// A call (try, confirm, cancel) dies when it was received, frozen (a Try only),
// sent (all statements of its transaction, COMMIT not yet), committed, answered
// or settled. A check-back (sweep) dies when its page is claimed, before it is
// asking, when it has asked (the question is with the owner), when it has heard,
// and then sent to settled like a call. A sweep by policy (policy) dies when it is
// sent, committed and settled. "asked" is no point of the program: there the
// owner's desk, which has the question in hand, kills the process that asks.
//
// At answered and settled the caller must have its answer. There the goroutine
// that reaches the point stays in it, the others go on, and the test kills the
// process as soon as the caller was answered. Elsewhere the process kills itself at
// the point, or is kept and killed there where something must happen first; a caller
// that is answered before the point allows it fails the cell, and so does a point
// that is not reached.
//
// # Conditions
//
//   - alone: nothing else is wrong.
//   - redis down: Redis is killed before the work begins and restarted after the
//     process has died, with the stale views that it had. A settlement that Redis
//     took cannot be followed by a crash while Redis is away, so at settled
//     it dies together with the process.
//   - mysql down: at received and frozen MySQL is away already, since nothing
//     before the ledger needs it. Every later point is only reached with a MySQL
//     that answers, so there both die together: the process is halted at the
//     point, MySQL is killed, and then the process. What MySQL had not committed
//     is rolled back by its recovery, what it had is there.
//   - duplicate: while the process is halted at its point, the same work reaches a
//     second process and is finished there; then the first is killed. At sent the
//     first holds the rows: the duplicate is seen to wait for them, and must be
//     answered within its deadline once the first is dead.
//   - duplicate as it dies: the same, but the kill and the duplicate race.
//   - late call (sweeps only): the Confirm and the Cancel that were believed lost
//     arrive at a second process while the sweeper is halted at its point.
//
// The second process of a call is one that does not sweep; that of a sweep is a
// second sweeper.
//
// # A cell
//
// Every cell has a sku and two orders of its own. One call of the process that
// dies is about both, so that they share its fate. Then the stores come back, a new
// process starts, and the first order's caller repeats what was not answered,
// while the second's gives up and only its decider knows what was decided. When all
// has come to rest, the cell is judged: every Try that was answered OK is there, in
// the state that the table of calls asks for and ended by whom it must be; a call
// that had happened is a replay when repeated, and one that had not is new; the
// stock row has exactly what the orders add up to; nothing is pending in the gate,
// whose row is the ledger's; and `stockhold audit --strict` has nothing to say.
package crash
