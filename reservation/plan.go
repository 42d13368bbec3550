package reservation

import (
	"slices"
	"strings"
	"sync"
	"time"

	"stockhold/inventory"
)

// idsToLock lists the reservations that a batch must lock and read before it
// decides. A Try is nearly always new, so its id is not read unless somebody
// said that it is known, or an earlier run met it: inserting it finds out, and
// before any refusal the ledger looks again.
func idsToLock(ops []*Operation, all bool) []HoldID {
	ids := make([]HoldID, 0, len(ops))
	for _, op := range ops {
		if op.Change == nil && (all || op.Known || op.Call != Try || op.Defer != nil) {
			ids = append(ids, op.ID)
		}
	}
	return inventory.SortHolds(ids)
}

// cut bounds a transaction by the lines it must read: operations name
// reservations whose size only the locked rows tell. It keeps the order.
func cut(ops []*Operation, held []*Reservation, mostLines int) (now, later []*Operation, kept []*Reservation) {
	lines := 0
	for _, r := range held {
		lines += r.LineCount
	}
	if lines <= mostLines {
		return ops, nil, held
	}
	byID := make(map[HoldID]*Reservation, len(held))
	for _, r := range held {
		byID[r.HoldID] = r
	}
	lines = 0
	n := 0
	for ; n < len(ops); n++ {
		w := ops[n].weight()
		if r := byID[ops[n].ID]; r != nil && needsLines(ops[n], r) {
			w = max(w, r.LineCount)
		}
		if n > 0 && lines+w > mostLines {
			break
		}
		lines += w
	}
	now, later = ops[:n], ops[n:]
	for _, op := range now {
		if r := byID[op.ID]; r != nil {
			kept = append(kept, r)
			delete(byID, op.ID)
		}
	}
	return now, later, kept
}

// needsLines reports whether an operation must know the lines of a locked row:
// to move their stock or to show them. A Try brings its own.
func needsLines(op *Operation, r *Reservation) bool {
	return op.Change == nil && op.Defer == nil && r.LineCount > 0
}

func needLines(ops []*Operation, held []*Reservation) []*Reservation {
	if len(held) == 0 {
		return nil
	}
	byID := make(map[HoldID]*Reservation, len(held))
	for _, r := range held {
		byID[r.HoldID] = r
	}
	var need []*Reservation
	for _, op := range ops {
		if r := byID[op.ID]; r != nil && needsLines(op, r) {
			need = append(need, r)
			delete(byID, op.ID)
		}
	}
	return need
}

// keysToLock lists the stock rows a batch touches: those of new lines, of
// changes, and of the lines that a call on a locked reservation may move.
func keysToLock(ops []*Operation, held []*Reservation) []inventory.Key {
	moves := make(map[HoldID]bool, len(held))
	var keys []inventory.Key
	for _, op := range ops {
		switch {
		case op.Change != nil:
			keys = append(keys, op.Change.Key)
		case op.Defer != nil, op.Call == Extend:
		case op.Call == Try:
			for _, line := range op.Lines {
				keys = append(keys, line.Key)
			}
		default:
			moves[op.ID] = true
		}
	}
	for _, r := range held {
		if moves[r.HoldID] && (!r.State.Ended() || r.State == Expired) {
			for _, line := range r.Lines {
				keys = append(keys, line.Key)
			}
		}
	}
	return inventory.SortKeys(keys)
}

func adjustmentIDs(ops []*Operation) []string {
	var ids []string
	for _, op := range ops {
		if op.Change != nil {
			ids = append(ids, op.Change.ID)
		}
	}
	slices.SortFunc(ids, strings.Compare)
	return slices.Compact(ids)
}

// madeMeanwhile lists the keys of known adjustments whose stock rows were not
// there when the batch locked its rows: the transaction that made such a row was
// committed in between.
func madeMeanwhile(stocks []inventory.Stock, adjustments []inventory.Adjustment) []inventory.Key {
	there := make(map[inventory.Key]bool, len(stocks))
	for _, s := range stocks {
		there[s.Key] = true
	}
	var keys []inventory.Key
	for _, a := range adjustments {
		if !there[a.Key] {
			keys = append(keys, a.Key)
		}
	}
	return inventory.SortKeys(keys)
}

func markKnown(ops []*Operation, found []HoldID) {
	known := make(map[HoldID]bool, len(found))
	for _, id := range found {
		known[id] = true
	}
	for _, op := range ops {
		if known[op.ID] {
			op.Known = true
		}
	}
}

// keyEpoch is 2025-01-01 UTC in milliseconds: 41 bits of them last until 2094.
const (
	keyEpoch = 1735689600000
	keyBits  = 22
)

// keyring hands out runs of reservation keys: the database's milliseconds above
// 22 bits that begin at random, so that keys sort by time of creation (and rows
// are appended to the clustered index) without processes having numbers. Two
// processes' runs of the same millisecond overlap about once in two thousand: a
// duplicate key, and the batch is run again. Within a process keys only grow.
type keyring struct {
	mu   sync.Mutex
	last int64
}

// next is the first of a run of maxBatchOps keys.
func (k *keyring) next(now time.Time, random func(int64) int64) int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	first := keyAt(now) + random(1<<keyBits-maxBatchOps)
	if next := k.last + 1; next > first && next+maxBatchOps < keyAt(now.Add(keySlack)) { // unless the clock was set back
		first = next
	}
	k.last = first + maxBatchOps - 1
	return first
}

// keyAt is the smallest key of a moment.
func keyAt(t time.Time) int64 {
	return max(0, t.UnixMilli()-keyEpoch) << keyBits
}

// keySlack is more than a key can run ahead of its row's created_at.
const keySlack = time.Second

// KeysFrom and KeysUntil bound the keys of rows that were made at or after, and
// before, a time: what lies between them still has to be looked at.
func KeysFrom(t time.Time) int64 { return keyAt(t) }

// KeysUntil is the upper bound, exclusive.
func KeysUntil(t time.Time) int64 { return keyAt(t.Add(keySlack)) }
