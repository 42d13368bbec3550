package config

import (
	"fmt"

	"github.com/alecthomas/kong"

	"stockhold/reservation"
	"stockhold/sweeper"
)

// Default is the configuration of a start with no flags in an empty environment.
// A program that embeds stockhold starts from it.
func Default() Config {
	var c Config
	for _, flag := range kong.Must(&c, kong.NoDefaultHelp()).Model.Flags {
		if !flag.HasDefault {
			continue
		}
		token := kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: flag.Default})
		if err := flag.Parse(token, flag.Target); err != nil {
			panic(fmt.Sprintf("the default of --%s cannot be read: %v", flag.Name, err)) // no input can cause it
		}
	}
	return c
}

// Domain puts the limits into the words of package reservation.
func (l Limits) Domain() reservation.Limits {
	return reservation.Limits{
		IDLength:   l.IDLength,
		SKULength:  l.SKULength,
		TextLength: l.TextLength,
		Lines:      l.Lines,
		Quantity:   l.Quantity,
		OnHand:     l.OnHand,
		MinTTL:     l.MinTTL,
		MaxTTL:     l.MaxTTL,
		DefaultTTL: l.DefaultTTL,
		Batch:      l.Batch,
		PageSize:   l.PageSize,
	}
}

// LedgerOptions are the sizes of the ledger, which has one writer when embedded.
func (c Config) LedgerOptions() reservation.LedgerOptions {
	committers := c.Ledger.Committers
	if c.Stores.Embedded() {
		committers = 1
	}
	return reservation.LedgerOptions{
		Committers:   committers,
		BatchLines:   c.Ledger.BatchLines,
		QueueLines:   c.Ledger.QueueLines,
		QueueWait:    c.Ledger.QueueWait,
		BatchTimeout: c.Ledger.BatchTimeout,
		LogChanges:   c.Log.Changes,
	}
}

// Options are the sweeper's, without a logger.
func (s Sweeper) Options() sweeper.Options {
	return sweeper.Options{
		Interval:       s.Interval,
		Lease:          s.Lease,
		RequestTimeout: s.DeciderTimeout,
		Questions:      s.DeciderQuestions,
		Parallel:       s.DeciderParallel,
		Backoff:        s.Backoff,
		Slowest:        s.Slowest,
		ParkAfter:      s.ParkAfter,
		Grace:          s.ReapGrace,
		Retention: reservation.Retention{
			Ended:       s.KeepEnded,
			Tombstones:  s.KeepTombstones,
			Adjustments: s.KeepAdjustments,
		},
	}
}

// HasDecider reports whether an owner can be asked.
func (s Sweeper) HasDecider(owner string) bool { return s.Deciders[owner] != "" }
