// Package simulation runs the real service, ledger and sweeper on stores in
// memory, under a scheduler that decides from a seed who moves next and what
// goes wrong: messages are lost before or after they take effect, scripts run
// twice, COMMITs finish late, processes die, the gate is wiped, reverted or loses
// what is pending, rows stay locked or cannot be written, owners leave questions
// out, callers give up early, clocks disagree.
//
// One schedule has two phases. In the first anything may happen, and the
// promises of safety are checked at every commit and every answer. Then
// everything heals, and the system must converge: nothing pending, nothing held
// without somebody's decision, and a gate that equals the ledger.
//
// Schedules differ in their size and in what they play beside single calls: one
// committer or two in each process, batch calls, Trys with a not_after, a queue
// that is soon full, and a purge that forgets what ended some seconds ago.
//
// The stores here follow the databases that they stand for: row locks, waits,
// deadlocks, unique keys and READ COMMITTED; scripts that are atomic. What runs
// on them is the code that runs in production. Every step of a store is a step
// of the scheduler, one at a time, so that a seed replays exactly.
//
// What is not played, because a schedule is a handful of orders in some seconds:
//
//   - The wait of a storm on one row. It takes more than a hundred calls a second,
//     and its length is not drawn from the seed; it comes before anything is done.
//     Package reservation tests it, and the load tests do.
//   - Holds of many callers in one run of a script, and scripts in several runs: the
//     gate here takes holds one by one, which any order of theirs could be. Package
//     inventory tests the scripts against a model, and who shares a round trip.
//   - Corrections of on_hand. They make available negative, rightly so, and the
//     simplest promise could not be checked at every commit any more. The histories
//     of the fault suite have them.
//   - SQL: what a statement says. Package store tests that on real databases.
package simulation
