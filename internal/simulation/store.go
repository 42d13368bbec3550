package simulation

import (
	"context"
	"fmt"
	"runtime/pprof"
	"time"

	"stockhold/inventory"
	"stockhold/reservation"
)

// store is one process's connections to the database.
type store struct {
	db      *database
	process *process
}

var _ reservation.Store = (*store)(nil)

// whose names the goroutine that a call comes from: schedules must not depend on
// which of two goroutines came first.
func whose(ctx context.Context) string {
	name, ok := pprof.Label(ctx, "stockhold")
	if !ok {
		panic("simulation: a store was called by a goroutine without a name")
	}
	return name
}

// read is one statement outside of a transaction.
func (s *store) read(ctx context.Context, what string, do func()) error {
	f := s.process.turn(s.process.who(ctx)+" "+what, nil, unsent)
	if f == unsent || s.process.dead.Load() || s.db.down {
		return errGone
	}
	do()
	return nil
}

func (s *store) Begin(ctx context.Context) (reservation.Tx, error) {
	leave := s.process.take(ctx)
	t := &tx{db: s.db, process: s.process, name: s.process.who(ctx), leave: leave}
	f := s.process.turn(t.name+" begins", nil, unsent)
	if f == unsent || s.process.dead.Load() || s.db.down {
		leave()
		return nil, errGone
	}
	s.db.open[t] = true
	s.db.world.began(t)
	return t, nil
}

func (s *store) Stocks(ctx context.Context, keys []inventory.Key) (rows []inventory.Stock, err error) {
	err = s.read(ctx, fmt.Sprintf("reads stock %v", keys), func() {
		for _, key := range keys {
			if row, ok := s.db.stocks[key]; ok {
				rows = append(rows, row)
			}
		}
	})
	return rows, err
}

func (d *database) known(ids []inventory.HoldID) (found []inventory.HoldID) {
	for _, id := range ids {
		if d.reservations[id].State != reservation.None {
			found = append(found, id)
		}
	}
	return found
}

func (s *store) Known(ctx context.Context, ids []inventory.HoldID) (found []inventory.HoldID, err error) {
	err = s.read(ctx, fmt.Sprintf("looks for %v", ids), func() { found = s.db.known(ids) })
	return found, err
}

func (s *store) Reservation(ctx context.Context, id inventory.HoldID) (found *reservation.Reservation, err error) {
	err = s.read(ctx, "reads "+id.String(), func() {
		if r, ok := s.db.reservations[id]; ok {
			found = &r
		}
	})
	return found, err
}

// Claim is one transaction, as it is in a real store.
func (s *store) Claim(ctx context.Context, lease time.Duration, limit int) ([]reservation.Claim, error) {
	begun, err := s.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer begun.Rollback()
	held, err := begun.LockDue(ctx, reservation.AskOwner, limit)
	if err != nil || len(held) == 0 {
		return nil, err
	}
	until := s.db.now().Add(lease)
	var claims []reservation.Claim
	changes := &reservation.Changes{}
	for _, r := range held {
		claims = append(claims, reservation.Claim{HoldID: r.HoldID, Reference: r.Reference, ExpiresAt: r.ExpiresAt, Checks: r.Checks, Parked: r.Parked(), Lease: until})
		changes.Rescheduled = append(changes.Rescheduled, reservation.Reschedule{ExpiresAt: r.ExpiresAt, NextCheckAt: until, Checks: r.Checks, ParkedAt: r.ParkedAt, Keys: []int64{r.Key}})
	}
	if err := begun.Write(ctx, changes); err != nil {
		return nil, err
	}
	if err := begun.Commit(ctx); err != nil {
		return nil, err
	}
	return claims, nil
}

func (s *store) Undecided(context.Context, int) (reservation.Undecided, error) {
	return reservation.Undecided{}, nil
}

func (s *store) Ping(ctx context.Context) error { return s.read(ctx, "pings", func() {}) }

func (s *store) Reservations(context.Context, reservation.Filter, int64, int) ([]*reservation.Reservation, int64, error) {
	panic("simulation: nobody lists")
}

func (s *store) StockPage(context.Context, string, string, inventory.Key, int) ([]inventory.Stock, error) {
	panic("simulation: nobody lists")
}
