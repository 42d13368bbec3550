// Package drills does what docs/operations.md tells an operator to do in its
// section "Drills": restore a backup, lose a store, upgrade, move in. The commands
// are those of the document: a test takes them out of it by name and has a shell
// run them, against the real program and real stores, while a shop is at work. So
// they cannot drift apart, and a drill that is not run fails.
//
// Each drill ends as it does for the operator, with `stockhold audit --strict`, and
// beyond that with the shop's own books.
//
// The tests carry the build tag `faults`: go test -tags faults ./internal/faults/drills
package drills
