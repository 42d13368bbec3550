// Package network breaks the connections between the parts of stockhold, one pair
// after the other: caller and server, server and Redis, server and MySQL, sweeper
// and decider. A proxy between the two delays, resets, cuts, refuses, goes silent
// with the connection open, swallows everything, or loses the answer to what was
// done, while a shop sells. In each case the test says what must hold meanwhile,
// then heals the proxy, and nothing else: no process is started anew.
//
// Beside that matrix stand the losses that a reservation service is known by:
// the lost Confirm itself, a COMMIT whose reply is lost or that arrives late, a
// script that the client library of Redis sends twice, a transaction that is
// left open by a connection that died, and a decider that answers nonsense.
package network
