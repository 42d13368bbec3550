package sweeper

import (
	"context"
	"errors"
	"fmt"

	"stockhold/inventory"
)

// RebuildStore is what a rebuild reads of the ledger.
type RebuildStore interface {
	Stocks(ctx context.Context, keys []inventory.Key) ([]inventory.Stock, error)
}

// RebuildGate is what a rebuild works on: an [inventory.Gate].
type RebuildGate interface {
	Rows(ctx context.Context, keys []inventory.Key) ([]inventory.Row, error)
	Forget(ctx context.Context, keys []inventory.Key) (int, error)
	Settle(ctx context.Context, views []inventory.View, holds []inventory.HoldID) error
}

// Rebuilt is what a rebuild found and did.
type Rebuilt struct {
	Rows      int // forgotten and loaded again
	Behind    int // of these: had an older version than the ledger's; some always have, under load
	Ahead     int // of these: had a later version than the ledger's
	Different int // of these: had the ledger's version and another quota
}

// Rebuild makes the gate forget those of the rows that it has loaded, and loads
// them again from the ledger. The refresh mends what is wrong and leaves the rest;
// this trusts nothing of the gate, what is pending on a row included: units that
// were leaked there are free again.
//
// It is safe under load. A Try that comes between the two finds the row not loaded
// and loads it itself. Holds that are pending stay so and are settled as ever; for
// as long as they are under way the row counts too few of them, so that the ledger
// has to refuse what the gate could have. Views are read after the rows are gone: no
// settlement that went with them can have known more.
//
// The keys are a page: each step is one or a few round trips. A rebuild that fails
// half-way leaves rows that are not loaded, which the next Try of them mends.
func Rebuild(ctx context.Context, store RebuildStore, gate RebuildGate, keys []inventory.Key) (Rebuilt, error) {
	rows, err := gate.Rows(ctx, keys)
	loaded := loadedOf(rows)
	switch {
	case err == nil:
	case errors.Is(err, inventory.ErrAway):
		return Rebuilt{}, fmt.Errorf("%w: %w", errGate, err)
	default: // a stranger's key stands where a row belongs: all the more reason
		loaded = keys
	}
	if len(loaded) == 0 {
		return Rebuilt{}, nil
	}
	forgotten, err := gate.Forget(ctx, loaded)
	if err != nil {
		return Rebuilt{}, fmt.Errorf("%w: %w", errGate, err)
	}
	stocks, err := store.Stocks(ctx, loaded)
	if err != nil {
		return Rebuilt{}, fmt.Errorf("read the stock of the rows that the gate forgot: %w", err)
	}
	if err := gate.Settle(ctx, views(stocks), nil); err != nil {
		return Rebuilt{}, fmt.Errorf("%w: %w", errGate, err)
	}
	d := compare(rows, stocks)
	return Rebuilt{Rows: forgotten, Behind: d.behind, Ahead: d.ahead, Different: d.different}, nil
}

func loadedOf(rows []inventory.Row) (keys []inventory.Key) {
	for _, row := range rows {
		if row.Loaded {
			keys = append(keys, row.Key)
		}
	}
	return keys
}
