// Package simulation runs the real service, ledger and sweeper on stores in
// memory, under a scheduler that decides from a seed who moves next and what
// goes wrong: messages are lost before or after they take effect, scripts run
// twice, COMMITs finish late, processes die, the gate is wiped or reverted, rows
// stay locked or cannot be written, owners leave questions out, clocks disagree.
//
// One schedule has two phases. In the first anything may happen, and the
// promises of safety are checked at every commit and every answer. Then
// everything heals, and the system must converge: nothing pending, nothing held
// without somebody's decision, and a gate that equals the ledger.
//
// The stores here follow the databases that they stand for: row locks, waits,
// deadlocks, unique keys and READ COMMITTED; scripts that are atomic. What runs
// on them is the code that runs in production. Every step of a store is a step
// of the scheduler, one at a time, so that a seed replays exactly.
package simulation
