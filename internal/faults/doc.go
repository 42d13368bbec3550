// Package faults tries to break stockhold's promises with real processes and
// real stores, and offers what every such attempt needs:
//
//   - a Program, the real binary with crash points compiled in (package
//     crashpoint), and its Processes, which can be killed, halted and armed;
//   - a Site: a MariaDB, a Redis, a proxy in front of each, and the environment
//     in which processes find them;
//   - a Shop: an order service under load, with books of its own, which answers
//     check-backs from them and in the end holds them against stockhold's;
//   - Heal and Audit: the second half of every attempt. Whatever was done, once
//     it is over the system must come to rest, agree with the shop's books to
//     the unit, and pass `stockhold audit --strict`.
//
// The attempts are in the packages below: crash, network, stores, clocks,
// history, load, twins and soak. They carry the build tag `faults`, for they
// take minutes: `make faults` runs them. docs/reliability.md says which test
// stands for which fault.
package faults
