// Package sweeper finishes every hold whose Confirm or Cancel was lost, and
// keeps the gate honest.
//
// # Who is authoritative
//
//   - The owner decides about its order. Nothing but its answer ends a hold that
//     is to be asked about: no number of checks, no silence, no age.
//   - The ledger decides what happens to a hold: every action of the sweeper is an
//     operation in the same batch as every caller's, answered by the state table
//     under the row's lock. The first terminal state wins.
//   - The database's clock decides what is due. The process measures nothing but
//     its own patience.
//   - The sweeper decides nothing. It carries questions and answers, and any
//     number of sweepers may do so at once: a claim only saves others the work.
//
// # A pass
//
//	RELEASE, CONFIRM holds that are due ──────────────────────► one transaction a page   policy.go
//	ASK holds that are due ─► claim (a lease) ─► ask the owner ─► COMMIT, ABORT: confirm, cancel
//	                          check.go           ask.go           else: put off, later park  act.go
//	holds pending in the gate for too long ─► settle with fresh views                     reap.go
//	a slice of the gate's rows ─► compare, settle, drop what contradicts the ledger,      refresh.go
//	                              free what is pending for no hold
//	what ended long ago ─► delete in chunks                                               purge.go
//
// [Sweeper.Run] makes passes for as long as a server lives; [Sweeper.RunOnce]
// makes them until nothing is due, then goes through the whole gate once, and
// says what it did.
//
// # How each failure ends
//
//   - The sweeper dies after a claim: the lease passes, and another claims.
//   - The owner does not answer, or answers nonsense: as if it had said UNKNOWN.
//     The hold is asked again, later and later; after some checks it is parked:
//     shown to an operator and still asked, at the slowest interval, so that it
//     heals when the owner returns.
//   - The owner stays silent: its breaker opens, and its holds are put off without
//     being asked and without a check being counted. Other owners do not notice.
//   - The caller acts between claim and answer: a hold that it ended is left as it
//     is, and a next check that it moved is left where it is.
//   - The owner's answer contradicts what already happened (a decider that flips,
//     a caller that canceled what its decider commits): what happened stands. The
//     contradiction is counted and logged.
//   - One hold cannot be written: it alone fails, and its next check is put off.
//   - The ledger is away: each step ends where it is, and the next pass tries
//     again. Leases that were taken pass by themselves.
//   - The gate is away: the ledger's part of a pass goes on. The gate's part is
//     made up for later; until then the gate costs speed, never stock.
package sweeper
