// Package stores does to Redis and to MariaDB what happens to them in
// production, while a shop is at work on two servers.
//
// Redis is killed, emptied, taken back in time, filled, made to evict, robbed of
// single keys, replaced by a stale replica, failed over by Sentinel and by a
// Cluster, and moved to another node of that. The gate is disposable: meanwhile
// no call may fail, nothing that exists may be refused, and afterwards the gate
// must be in use again by itself.
//
// MariaDB is killed, made read-only, locked, deadlocked, kept full and robbed of
// its sessions. The ledger is the truth: calls wait for it or are told
// UNAVAILABLE, nothing that was answered is lost, and the same processes work on
// when it is back.
//
// Every attempt ends with the audit and with the shop's books. The tests carry
// the build tag `faults`: go test -tags faults ./internal/faults/stores
package stores
