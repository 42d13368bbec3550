// Package inventory knows how much there is: the stock rows of the ledger and
// the gate in front of them.
//
// The ledger (a SQL database, reached through package reservation) is the only
// truth. The gate is a set of counters in Redis that answers in microseconds
// whether a hold can fit, so that a sold-out item costs the database nothing.
// Per stock row the gate keeps a [View] (the ledger's available, and the row's
// version when it was read) and the units pending: frozen here, and not yet
// settled by the ledger.
//
// The gate is disposable. Everything in it can be wiped, lost or reverted at
// any moment: what it lets through is checked again by the ledger under row
// locks, and what it would refuse is looked up in the ledger before anyone
// hears of it. Losing it costs speed, never stock.
package inventory
