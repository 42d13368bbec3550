// Package twins proves that the guards of stockhold are guarded themselves.
//
// A twin is this program with one guard taken out: a check that is skipped, a
// lock that is not taken, a number that is not compared. Each names the promise
// that it breaks and the tests that must notice. A twin that nobody notices is a
// hole in the tests: the same change could be made tomorrow, by mistake.
//
// Nothing is changed in the tree. The changed files go to a temporary folder, and
// the test binary of the package that must notice is built with them in the place
// of the real ones (`go test -c -overlay`). A twin is caught when a named test
// fails. A build that fails, a panic, a time-out or a missing test is no catch but
// a fault of the twin, and fails the suite.
//
//	go test -tags faults -timeout 15m -v ./internal/faults/twins
//
// plays all of them, in some minutes. Without the tag only the cheap half runs:
// every twin still fits the code, and docs/twins.md lists every one.
// `go test ./internal/faults/twins -update` writes that list.
//
// Read [Twin], then the lists: table.go, ledger.go, locks.go, gate.go, sweeper.go,
// keeping.go, callers.go and crowds.go. To add a guard, add its twin.
package twins
