// Package clocks stops time for some and shifts it for others.
//
// Processes are halted (SIGSTOP) where it hurts: after they have claimed holds,
// after an owner has answered them, with a transaction open on a hot row. The
// others go on within seconds, and what the halted one does when it goes on
// itself changes nothing that was decided meanwhile.
//
// The time of day is wrong by hours in single processes, in Redis and in
// MariaDB. What may expire, when, is the database's word alone: the deadline that
// was written with a hold does not move, whatever other clocks say.
//
// Processes are skewed by injection: the tests build the program once more with a
// time.Now that is off by what the environment says (see skew_test.go). The
// stores are skewed by libfaketime. The tests carry the build tag `faults`:
// go test -tags faults ./internal/faults/clocks
package clocks
