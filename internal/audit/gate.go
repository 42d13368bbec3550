package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"stockhold/inventory"
)

const (
	gatePage = 500 // rows that are compared at a time; each page holds up Redis for a moment
	// doubtPages, times Options.Page, bounds what waits for its second look: many
	// rows share one pause.
	doubtPages = 10
	// storePatience bounds one read of stock rows by key.
	storePatience = 10 * time.Second
)

// errGate marks what the gate did not answer, or not with sense.
var errGate = errors.New("the gate cannot be read")

// elsewhere is why a gate is not judged that belongs to another process.
const elsewhere = "it is inside the server's process, and only the server can see it"

// judgeGate compares the gate with the ledger. A gate that is away is no error:
// nothing depends on it but speed.
func (a *auditor) judgeGate(ctx context.Context) error {
	if a.seen == nil {
		a.report.Gate.Reason = elsewhere
		return nil
	}
	err := a.comparePending(ctx)
	if err == nil {
		err = a.compareRows(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errGate):
		a.report.Gate.Unreadable, a.report.Gate.Reason = true, err.Error()
		return nil
	}
	a.report.Gate.Judged = err == nil
	return err
}

// compareRows looks at all of the gate's rows once, and a second time, after a
// pause, at those that differed.
func (a *auditor) compareRows(ctx context.Context) error {
	doubts := map[inventory.Key]doubt{}
	for cursor := uint64(0); ; {
		keys, next, err := a.seen.Scan(ctx, cursor, gatePage)
		if err != nil {
			return gateFailed(err)
		}
		for keys := range slices.Chunk(keys, gatePage) {
			if err := a.firstLook(ctx, keys, doubts); err != nil {
				return err
			}
			if len(doubts) >= doubtPages*a.opts.Page {
				if err := a.secondLook(ctx, doubts); err != nil {
					return err
				}
			}
		}
		a.opts.Progress("gate rows", a.report.Gate.Rows+a.report.Gate.NotLoaded)
		if next == 0 {
			return a.secondLook(ctx, doubts)
		}
		cursor = next
	}
}

// doubt is what the ledger had of a row when the gate's differed.
type doubt struct {
	known   bool
	version int64
}

func (a *auditor) firstLook(ctx context.Context, keys []inventory.Key, doubts map[inventory.Key]doubt) error {
	pairs, err := a.look(ctx, keys)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		if !p.row.Loaded {
			a.report.Gate.NotLoaded++
			continue
		}
		a.report.Gate.Rows++
		if _, twice := doubts[p.row.Key]; !twice && (!p.known || p.row.View != p.truth) {
			doubts[p.row.Key] = doubt{known: p.known, version: p.truth.Version}
		}
	}
	return nil
}

// secondLook reports those of the doubts that time does not explain, and clears them.
func (a *auditor) secondLook(ctx context.Context, doubts map[inventory.Key]doubt) error {
	if len(doubts) == 0 {
		return nil
	}
	a.report.Gate.LookedAgain += int64(len(doubts))
	if err := a.pause(ctx); err != nil {
		return err
	}
	keys := make([]inventory.Key, 0, len(doubts))
	for key := range doubts {
		keys = append(keys, key)
	}
	for some := range slices.Chunk(inventory.SortKeys(keys), gatePage) {
		pairs, err := a.look(ctx, some)
		if err != nil {
			return err
		}
		for _, p := range pairs {
			if kind, wrong := p.judge(doubts[p.row.Key]); wrong {
				a.report.add(kind, p.difference(doubts[p.row.Key]))
			}
		}
	}
	clear(doubts)
	return nil
}

// pair is a row of the gate and the ledger's view of the same stock row.
type pair struct {
	row   inventory.Row
	truth inventory.View
	known bool // the ledger has the row
}

// look reads the gate first and the ledger after. Versions only grow and the
// gate hears of them after their commit, so a gate that was ahead cannot be
// explained by what happened in between. Read the other way round, any row that
// is being sold would look like that.
func (a *auditor) look(ctx context.Context, keys []inventory.Key) ([]pair, error) {
	rows, err := a.seen.Rows(ctx, keys)
	if err != nil {
		return nil, gateFailed(err)
	}
	readCtx, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	stocks, err := a.store.Stocks(readCtx, keys)
	if err != nil {
		return nil, fmt.Errorf("read the stock rows behind %d gate rows: %w", len(keys), err)
	}
	views := make(map[inventory.Key]inventory.View, len(stocks))
	for _, stock := range stocks {
		views[stock.Key] = stock.View()
	}
	pairs := make([]pair, len(rows))
	for i, row := range rows {
		truth, known := views[row.Key]
		pairs[i] = pair{row: row, truth: truth, known: known}
	}
	return pairs, nil
}

// judge says what is wrong with a row at the second look. Being behind is wrong
// only with respect to what the ledger had at the first: since then the gate had
// time to hear of that, and of nothing later.
func (p pair) judge(first doubt) (kind Kind, wrong bool) {
	switch {
	case !p.row.Loaded:
		return "", false
	case !p.known:
		return GateUnknown, !first.known
	case p.row.Version > p.truth.Version:
		return GateAhead, true
	case p.row.Version == p.truth.Version:
		return GateQuota, p.row.Quota != p.truth.Quota
	}
	return GateBehind, p.row.Version < first.version
}

func (p pair) difference(first doubt) Difference {
	d := Difference{
		Location: p.row.Location, SKU: p.row.SKU,
		Expected: describe(p.truth), Found: describe(p.row.View),
	}
	switch {
	case !p.known:
		d.Expected = "no row"
	case p.row.Version < p.truth.Version:
		d.Expected = fmt.Sprintf("version %d or later", first.version)
	}
	return d
}

func describe(v inventory.View) string {
	return fmt.Sprintf("version %d, quota %d", v.Version, v.Quota)
}

func gateFailed(err error) error { return fmt.Errorf("%w: %w", errGate, err) }

// pause waits between two looks.
func (a *auditor) pause(ctx context.Context) error {
	timer := time.NewTimer(a.opts.Pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
