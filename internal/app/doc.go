// Package app puts the parts of stockhold together and runs them: what the
// subcommands do, without their flags.
//
// [App] is the server: the ledger's database, the gate, the service over both,
// the sweeper and the HTTP server, started in this order. Stopping goes the
// other way round, and that order is what keeps every acknowledged call: calls
// stop coming in and those under way are answered, then the sweeper ends, then
// the service writes what is queued and settles it, and only then do gate and
// database close.
//
// [Sweep], [Migrate] and [Resolve] are the commands that work beside a server,
// or without one, on the same stores.
package app
