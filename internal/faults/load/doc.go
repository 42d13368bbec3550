// Package load asks more of a server than it can carry, and of one sku more than
// there is, and looks at what everybody else notices.
//
// What a machine can carry is measured first, in the same run: the figures are
// ratios, and they must be reached in one of ten rounds, since a machine that
// does something else for a moment spoils one. The stores, the server and the callers
// share the machine.
package load
