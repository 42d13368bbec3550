// Package tracing makes the program's own spans, where somebody collects them.
// Where nobody does, which is the default, it costs one load of a pointer: nothing
// is looked up in a context, and nothing is allocated.
//
// A trace begins with a call that comes in (the RPC's own span, made by
// otelconnect) or with a pass of the sweeper. What is done for many calls at once
// (a transaction, a round trip to Redis) has a span of its own, which is a child of
// the first of those calls that is sampled, and links to all of them; each of the
// calls links back. So the work can be found from every call in it, and is sampled
// when one of them is.
//
// A [Mark] is a place in a trace in 25 bytes. The ledger keeps the one of a Try
// with the reservation, so that what ends it, hours later and elsewhere, links to it.
//
// No span says what a statement said, or where a store is: owners and ids of
// reservations are the most that a span tells of a call.
package tracing
