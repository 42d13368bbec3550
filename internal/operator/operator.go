// Package operator is what a person does to a running stockhold: see which holds
// wait for a word, say it, and have the gate renewed.
//
// It decides nothing by itself. A word goes through the ledger's batch like every
// call, so the state table decides about it; the gate is disposable, so renewing it
// can cost a round trip and no more. Who may do this is for whoever stands in front.
package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"stockhold/inventory"
	"stockhold/reservation"
	"stockhold/sweeper"
)

// Service takes the calls: a running [reservation.Service].
type Service interface {
	Do(ctx context.Context, requests []reservation.Request) []reservation.Answer
	Get(ctx context.Context, id reservation.HoldID) (*reservation.Reservation, error)
	Limits() reservation.Limits
}

// Store is what is read of the ledger's database beside the service. Its errors
// wrap the sentinels of [reservation.Store].
type Store interface {
	sweeper.RebuildStore
	// Parked reads a page of parked holds in order of key, of all owners where none
	// is named; next is 0 on the last page.
	Parked(ctx context.Context, owner string, after int64, limit int) (page []*reservation.Reservation, next int64, err error)
	// StockPage reads stock rows after a key, in key order.
	StockPage(ctx context.Context, sku, location string, after inventory.Key, limit int) ([]inventory.Stock, error)
}

// Options configure a desk. Zero fields take the defaults.
type Options struct {
	CallTimeout time.Duration // the longest a call may take, whatever its own deadline; default 10 s
	Logger      *slog.Logger  // hears of every word and rebuild; default slog.Default()
}

// Desk is where an operator sits. Its methods are safe for concurrent use; errors
// are those of [reservation.Service].
type Desk struct {
	service Service
	store   Store
	gate    sweeper.RebuildGate // nil: this process has none
	opts    Options
}

// New makes a desk. A nil gate is one that this process cannot reach.
func New(service Service, store Store, gate sweeper.RebuildGate, opts Options) *Desk {
	if opts.CallTimeout <= 0 {
		opts.CallTimeout = 10 * time.Second
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	return &Desk{service: service, store: store, gate: gate, opts: opts}
}

func (d *Desk) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d.opts.CallTimeout)
}

// unavailable marks what a store or the gate could not do now.
func unavailable(doing string, err error) error {
	away := errors.Is(err, reservation.ErrAway) || errors.Is(err, inventory.ErrAway) ||
		errors.Is(err, reservation.ErrLockWait) || errors.Is(err, context.DeadlineExceeded)
	if away {
		return fmt.Errorf("%w: %s: %w", reservation.ErrUnavailable, doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
