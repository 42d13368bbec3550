// Package audit judges: it reads ledger and gate and reports every difference
// between what is written and what it should add up to. It changes nothing, and
// it says nothing of a healthy system, also of one that is at work.
//
// # The ledger against itself
//
// The ledger holds two accounts of the same thing: the counters of a stock row,
// and the lines of the reservations. [Run] reads both in one snapshot of the
// database, so that what is committed meanwhile belongs to neither side, and
// walks it twice:
//
//	reservations.go  by reservation: are its lines there, and the ones that were held?
//	stocks.go        by sku: do the lines add up to reserved and committed of the stock rows?
//
// Both walks go through an index in pages, and hold one page of rows at a time
// (and the lines of one reservation): memory does not grow with the ledger, and
// no statement lasts longer because a sku is hot. The second walk counts the
// lines that it was responsible for; if they are not as many as the first
// found, the two indexes disagree, and that is reported, too.
//
// A large ledger takes minutes (some 100,000 lines a second on a small machine),
// and the snapshot lives as long. That is harmless to callers: it holds no lock.
// The database keeps the old rows that it may ask for meanwhile: on MySQL undo
// logs grow, on SQLite the write-ahead log.
//
// A difference here is a contradiction: something wrote around the ledger, or
// was lost below it. The counters decide what can be sold, so it is serious.
//
// # The gate against the ledger
//
// The gate may know less than the ledger at any moment: the ledger commits first
// and tells afterwards. So a difference is looked at twice, with a pause between,
// each time the gate before the ledger (gate.go), and only what cannot be work
// in flight is reported. Holds that are pending for longer than any call takes
// are reported likewise (pending.go). None of this can oversell, and the sweeper
// repairs it; it is reported because it costs speed or sales until then.
//
// # When something is away
//
// Without the ledger there is nothing to judge: Run fails. Without the gate it
// judges the ledger, and the report says why not the gate.
package audit
