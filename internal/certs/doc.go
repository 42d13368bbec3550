// Package certs makes TLS configurations whose certificates and authorities are
// those that are in their files now: who rotates them need not restart anything.
//
// A server shows its certificate and, where authorities are named, verifies the
// certificate of each client that shows one. It does not insist on one: callers
// may prove themselves by a token instead, and probes need not at all. Who may do
// what is not decided here.
//
// Connections live long, certificates and authorities do not. So what was
// verified when a connection began is looked at again with each call: see
// [Server.Verify]. For the same reason sessions are not resumed.
package certs
