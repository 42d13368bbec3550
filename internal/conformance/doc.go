// Package conformance says in tests what the wire contract says in words. One
// suite, seen from outside, is run through every way to call stockhold (Connect,
// JSON, gRPC, gRPC-Web), over every kind of store, and with the gate away: what a
// caller can see must not depend on any of them.
//
// Begin with table.go: it holds the state table as a reader would draw it, and a
// test of each cell. The other files are one theme each. After each case the
// books are balanced: what the stock rows say is held and promised must be the
// sum of what the case's reservations say.
//
// The suite needs a [Server]; conformance_test.go makes the ones that it is run
// against.
package conformance
