// Package proxy is a TCP proxy that fails on command, to be put between two parts of a system under test: a client
// and stockhold, stockhold and its database, stockhold and its Redis.
//
//	p, err := proxy.Start(db.Addr())         // clients connect to p.Addr()
//	...
//	err = p.LoseReplies(1, []byte("order-7")) // the next request with this in it is executed, and its client sees a reset connection
//	...
//	err = p.Heal()                           // every fault ends
//
// Faults are of two kinds. Those about connections as they are accepted exclude each other, the last one called
// holds: [Proxy.Reset], [Proxy.Refuse], [Proxy.BlackHole]. The others go with everything: [Proxy.Delay], which is
// toxiproxy's, [Proxy.HoldRequests], which makes requests late, [Proxy.LoseReplies] and [Proxy.MuteReplies], which know
// the two directions of a connection as one and so can say that a request was executed, and the strokes [Proxy.Cut] and
// [Proxy.HalfOpen], which hit the connections that exist and then are over.
//
// The address stays leased while the proxy lives, also while it refuses connections, so nobody else can answer there.
// When upstream refuses a connection, its client's is reset.
package proxy
