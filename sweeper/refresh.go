package sweeper

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"stockhold/inventory"
)

const (
	refreshCount = 500 // keys that one slice of the gate looks at, about
	refreshPage  = 500 // rows that are compared at a time
)

// refreshSlice goes one step further through the gate's rows. After the last it
// begins anew, and so it does when the gate was away: another server may answer
// by then, to which the old position means nothing.
func (s *Sweeper) refreshSlice(ctx context.Context, report *Report) error {
	keys, next, err := s.scan(ctx, s.cursor)
	s.cursor = next
	if err != nil {
		s.negative = 0
		return err
	}
	if err := s.refresh(ctx, report, keys); err != nil {
		return err
	}
	if next == 0 {
		s.metrics.wentRound(ctx, s.negative)
		s.negative = 0
	}
	return nil
}

// refreshAll goes through all of the gate's rows once.
func (s *Sweeper) refreshAll(ctx context.Context, report *Report) error {
	s.cursor = 0
	for ctx.Err() == nil {
		if err := s.refreshSlice(ctx, report); err != nil {
			return err
		}
		if s.cursor == 0 {
			return nil
		}
	}
	return ctx.Err()
}

func (s *Sweeper) scan(ctx context.Context, cursor uint64) ([]inventory.Key, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, gateTimeout)
	defer cancel()
	keys, next, err := s.gate.Scan(ctx, cursor, refreshCount)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errGate, err)
	}
	return inventory.SortKeys(keys), next, nil
}

// refresh brings some of the gate's rows up to date with the ledger, and drops
// those that contradict it. A gate that merely lags is healed by the next view of
// the row; this is for the rows whose next view does not come, and for those that
// would not take it, because they know a later version than the ledger does.
func (s *Sweeper) refresh(ctx context.Context, report *Report, keys []inventory.Key) error {
	for some := range slices.Chunk(keys, refreshPage) {
		if err := s.refreshPage(ctx, report, some); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sweeper) refreshPage(ctx context.Context, report *Report, keys []inventory.Key) error {
	// The gate first, the ledger after. Versions only grow, so a gate row that was
	// ahead of the ledger's cannot be explained by what happened in between. Read
	// the other way round, any row that is being sold would look like that.
	rows, err := s.rows(ctx, keys)
	if err != nil {
		return err
	}
	stocks, err := s.stocks(ctx, keys)
	if err != nil {
		return fmt.Errorf("read the stock behind the gate's rows: %w", err)
	}
	s.negative += negatives(stocks)
	drift := compare(rows, stocks)
	s.metrics.drifted(ctx, drift)

	ctx, cancel := context.WithTimeout(ctx, gateTimeout)
	defer cancel()
	if len(drift.wrong) > 0 {
		s.log.Warn("the gate knew what the ledger does not: was the ledger restored, or did it lose commits?",
			"rows", len(drift.wrong), "first", drift.wrong[0].Key.String())
		dropped, err := s.gate.Drop(ctx, drift.wrong)
		report.Dropped += dropped
		if err != nil {
			return fmt.Errorf("%w: %w", errGate, err)
		}
	}
	if err := s.gate.Settle(ctx, views(stocks), nil); err != nil {
		return fmt.Errorf("%w: %w", errGate, err)
	}
	report.Refreshed += len(stocks)
	s.metrics.repaired(ctx, drift)
	return s.reclaim(ctx, report, rows)
}

func (s *Sweeper) rows(ctx context.Context, keys []inventory.Key) ([]inventory.Row, error) {
	ctx, cancel := context.WithTimeout(ctx, gateTimeout)
	defer cancel()
	rows, err := s.gate.Rows(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errGate, err)
	}
	return rows, nil
}

// reclaim frees units that rows count as pending and that no pending hold has:
// what is left of holds of which the gate lost the list. Rows that nothing was
// pending on when they were read have none, and cost nothing here.
func (s *Sweeper) reclaim(ctx context.Context, report *Report, rows []inventory.Row) error {
	leaks, err := s.gate.Reclaim(ctx, inUse(rows))
	if len(leaks) > 0 {
		s.log.Warn("the gate counted units as pending that no hold had: did Redis lose or evict keys?",
			"rows", len(leaks), "first", leaks[0].Key.String(), "units", leaks[0].Units)
		report.Reclaimed += len(leaks)
		s.metrics.drifted(ctx, drift{leaked: len(leaks)})
		s.metrics.repaired(ctx, drift{leaked: len(leaks)})
	}
	switch {
	case errors.Is(err, inventory.ErrManyPending): // the next round tries again, and the reaper is at work on them
		s.log.Debug("the refresh did not look for leaked units", "reason", err)
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", errGate, err)
	}
	return nil
}

// inUse lists the rows that something is pending on.
func inUse(rows []inventory.Row) (keys []inventory.Key) {
	for _, row := range rows {
		if row.Pending > 0 {
			keys = append(keys, row.Key)
		}
	}
	return keys
}

// negatives counts rows that a recount, or goods shipped beyond what was counted,
// took below zero. Nothing is released for that: somebody should count again.
func negatives(stocks []inventory.Stock) (n int) {
	for _, stock := range stocks {
		if stock.OnHand < 0 || stock.Available() < 0 {
			n++
		}
	}
	return n
}

// drift is how gate rows differ from the ledger's.
type drift struct {
	wrong  []inventory.View // as they were read: to be dropped
	behind int              // an older version; some of them always are, under load

	ahead     int // of the wrong: a later version than the ledger's
	different int // of the wrong: the ledger's version and another quota
	unknown   int // of the wrong: the ledger has no such row

	leaked int // units pending for no hold; not seen by comparing
}

// compare looks at gate rows that were read before the ledger's.
func compare(rows []inventory.Row, stocks []inventory.Stock) drift {
	byKey := make(map[inventory.Key]inventory.View, len(stocks))
	for _, stock := range stocks {
		byKey[stock.Key] = stock.View()
	}
	var d drift
	for _, row := range rows {
		if !row.Loaded {
			continue // the next settle writes it anew
		}
		truth, known := byKey[row.Key]
		switch {
		case !known:
			d.unknown++
		case row.Version > truth.Version:
			d.ahead++
		case row.Version == truth.Version && row.Quota != truth.Quota:
			d.different++
		case row.Version < truth.Version:
			d.behind++
			continue
		default:
			continue
		}
		d.wrong = append(d.wrong, row.View)
	}
	return d
}
