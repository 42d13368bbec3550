package store

import (
	"fmt"
	"time"

	"stockhold/reservation"
)

// dialect is what the two kinds of database do differently.
type dialect struct {
	name       string
	lock       string                   // behind a SELECT: lock what is read
	skipLocked string                   // the same, passing over what others have locked
	index      func(name string) string // behind a table: read by this index and no other
	pairs      string                   // inside IN ( ): before a list of pairs
	upsert     string                   // behind an INSERT of stock rows that are there: write their figures
	clock      string                   // SELECT list: the database's time, and the session's number
	time       func(time.Time) any      // a time as the database stores it; nil for a zero one
	classify   func(error) error        // wraps an error in the sentinel of package reservation that it means
}

// locking is the end of a locking read.
func (d dialect) locking(locked reservation.Locked) string {
	if locked == reservation.Pass {
		return d.skipLocked
	}
	return d.lock
}

// moment reads a time from either kind of database. NULL is the zero time.
type moment struct{ time.Time }

func (m *moment) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		m.Time = time.Time{}
	case time.Time:
		m.Time = v.UTC()
	case int64:
		m.Time = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("store: cannot read a time from %T", src)
	}
	return nil
}
