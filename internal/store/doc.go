// Package store keeps the ledger's rows in a SQL database: MySQL or MariaDB in
// production, SQLite for the embedded default.
//
// It moves rows and decides nothing: what a batch does is decided by package
// reservation, between the locking reads and the writes of one transaction
// here. Both databases run the same statements; what differs between them (row
// locks, the clock, how a time is stored, what an error means) stands in
// dialect.go and in mysql.go and sqlite.go.
//
// gorm opens the databases and carries the transactions. The statements of the
// batch are written by hand, as multi-row INSERTs and locking reads by key,
// because they are the hot path: the same rows through gorm's reflection cost
// more than twice as much.
package store
