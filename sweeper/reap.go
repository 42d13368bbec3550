package sweeper

import (
	"context"
	"fmt"
	"slices"

	"stockhold/inventory"
)

const (
	reapPage  = 50   // holds; each may have some thousand lines
	stockPage = 1000 // stock rows in one read of the ledger
)

// reap settles holds that are pending in the gate for longer than any call
// takes, with fresh views of their rows: whoever froze them died, or the gate did
// not hear of the end. It does not matter what became of them in the ledger. One
// that is dropped too early costs its call a round trip; one that is kept costs
// sales, for as long as the gate believes that its units are spoken for.
func (s *Sweeper) reap(ctx context.Context, report *Report) (more bool, err error) {
	for range pagesPerPass {
		holds, strange := s.overstayed(ctx)
		if len(holds) == 0 {
			return false, strange
		}
		if err := s.settle(ctx, holds); err != nil {
			return false, err
		}
		report.Reaped += len(holds)
		if strange != nil || len(holds) < reapPage {
			return false, strange
		}
	}
	return true, nil
}

// overstayed lists the oldest pending holds. What the gate cannot read comes as
// an error beside those that it can.
func (s *Sweeper) overstayed(ctx context.Context) ([]inventory.Hold, error) {
	ctx, cancel := context.WithTimeout(ctx, gateTimeout)
	defer cancel()
	holds, err := s.gate.Pending(ctx, s.opts.Grace, reapPage)
	if err != nil {
		return holds, fmt.Errorf("%w: %w", errGate, err)
	}
	return holds, nil
}

func (s *Sweeper) settle(ctx context.Context, holds []inventory.Hold) error {
	var keys []inventory.Key
	ids := make([]inventory.HoldID, len(holds))
	for i, hold := range holds {
		ids[i] = hold.HoldID
		for _, line := range hold.Lines {
			keys = append(keys, line.Key)
		}
	}
	stocks, err := s.stocks(ctx, inventory.SortKeys(keys))
	if err != nil {
		return fmt.Errorf("read the stock of holds pending in the gate: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, gateTimeout)
	defer cancel()
	if err := s.gate.Settle(ctx, views(stocks), ids); err != nil {
		return fmt.Errorf("%w: %w", errGate, err)
	}
	return nil
}

// stocks reads stock rows of the ledger; keys that have none are left out.
func (s *Sweeper) stocks(ctx context.Context, keys []inventory.Key) ([]inventory.Stock, error) {
	all := make([]inventory.Stock, 0, len(keys))
	for some := range slices.Chunk(keys, stockPage) {
		readCtx, cancel := context.WithTimeout(ctx, storeTimeout)
		rows, err := s.store.Stocks(readCtx, some)
		cancel()
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}

func views(stocks []inventory.Stock) []inventory.View {
	views := make([]inventory.View, len(stocks))
	for i, stock := range stocks {
		views[i] = stock.View()
	}
	return views
}
