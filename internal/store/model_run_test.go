package store_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"stockhold/internal/store"
	"stockhold/internal/testservers"
	"stockhold/inventory"
	"stockhold/reservation"
)

// TestLedgerAgainstModel makes random calls on a service over a real store and a
// real gate, in batches and one by one, and on books of maps, and compares every
// answer and every row. The gate comes and goes, is wiped and lied to: the answers
// stay the same, for the gate alone never refuses and never grants.
func TestLedgerAgainstModel(t *testing.T) {
	t.Run("SQLite and embedded gate", func(t *testing.T) {
		gate, err := inventory.OpenEmbedded(inventory.Options{Timeout: gatePatience})
		checkLedger(t, openSQLite(t, filepath.Join(t.TempDir(), "ledger.db")), gate, err)
	})
	t.Run("MariaDB and Redis", func(t *testing.T) {
		gate, err := inventory.Open(testservers.Redis(t).URL(), inventory.Options{Prefix: testservers.Prefix(t), Timeout: gatePatience})
		checkLedger(t, openMariaDB(t, testservers.Database(t)), gate, err)
	})
}

// gatePatience: a gate that was too slow once is away, and the test machine may be slow.
const gatePatience = 10 * time.Second

func checkLedger(t *testing.T, s *store.Store, gate *inventory.Gate, err error) {
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, gate.Close()) })
	limits := reservation.DefaultLimits()
	limits.MinTTL, limits.OnHand = time.Microsecond, onHandLimit
	w := &modelWorld{ctx: t.Context(), store: &watched{Store: s}, gate: &door{Gate: gate}}
	w.service = reservation.New(w.store, w.gate, reservation.Options{
		Limits: limits, HasDecider: func(string) bool { return true },
		Ledger: reservation.LedgerOptions{Committers: 1},
	})
	run(t, w.service)
	rapid.Check(t, w.check)
}

// door is a gate that may not answer.
type door struct {
	*inventory.Gate
	away atomic.Bool
}

func (d *door) Freeze(ctx context.Context, holds []inventory.Hold) []inventory.Freeze {
	if d.away.Load() {
		return noGate{}.Freeze(ctx, holds)
	}
	return d.Gate.Freeze(ctx, holds)
}

func (d *door) Settle(ctx context.Context, views []inventory.View, holds []inventory.HoldID) error {
	if d.away.Load() {
		return inventory.ErrAway
	}
	return d.Gate.Settle(ctx, views, holds)
}

// watched tells the time that the ledger read last: that of the latest batch.
type watched struct {
	reservation.Store
	now atomic.Pointer[time.Time]
}

type watchedTx struct {
	reservation.Tx
	w *watched
}

func (w *watched) Begin(ctx context.Context) (reservation.Tx, error) {
	tx, err := w.Store.Begin(ctx)
	return watchedTx{tx, w}, err
}

func (t watchedTx) Now(ctx context.Context) (time.Time, error) {
	now, err := t.Tx.Now(ctx)
	t.w.now.Store(&now)
	return now, err
}

// modelWorld is one ledger, on which many runs follow each other: each has an
// owner and a location of its own.
type modelWorld struct {
	ctx     context.Context
	store   *watched
	gate    *door
	service *reservation.Service
	runs    int
}

func (w *modelWorld) check(t *rapid.T) {
	w.runs++
	w.gate.away.Store(rapid.Bool().Draw(t, "gate away"))
	r := &modelRun{modelWorld: w, books: newBooks(), asks: asks{fmt.Sprintf("run-%d", w.runs)}}
	var begins []ask
	for _, sku := range []string{"A", "B"} {
		begin := inventory.Change{ID: r.asks.run + "-begin-" + sku, Key: inventory.Key{Location: r.asks.run, SKU: sku}, Set: true, Amount: 12}
		begins = append(begins, ask{verb: "recount", change: begin})
	}
	r.ledger(t, append(begins, r.asks.opening(t)...))

	anything := r.asks.one("try", "try", "confirm", "again", "cancel", "word", "extend",
		"extend", "fulfill", "return", "expire", "confirm_due", "defer", "defer", "recount", "adjust")
	tries, requests := r.asks.one("try"), r.asks.one("confirm", "again", "cancel", "word", "extend", "fulfill", "return")
	changes := r.asks.one("recount", "adjust")
	for range rapid.IntRange(1, 9).Draw(t, "steps") {
		switch rapid.SampledFrom([]string{"ledger", "ledger", "ledger", "tries", "tries", "requests", "requests", "changes", "policy", "claim", "gate"}).Draw(t, "step") {
		case "ledger":
			r.ledger(t, r.resolved(rapid.SliceOfN(anything, 1, 8).Draw(t, "operations")))
		case "tries":
			r.tries(t, r.resolved(rapid.SliceOfN(tries, 1, 3).Draw(t, "tries")))
		case "requests":
			r.requests(t, rapid.SliceOfN(requests, 1, 4).Draw(t, "requests"))
		case "changes":
			r.changes(t, rapid.SliceOfN(changes, 1, 3).Draw(t, "changes"))
		case "policy":
			r.policy(t, rapid.SampledFrom([]reservation.OnExpiry{reservation.ReleaseOnExpiry, reservation.ConfirmOnExpiry}).Draw(t, "policy"))
		case "claim":
			r.claim(t)
		case "gate":
			r.disturbGate(t)
		}
		r.compareRows(t)
	}
}

// modelRun is one history, in the ledger and in the books.
type modelRun struct {
	*modelWorld
	books *books
	asks  asks
}

// resolved fills in what a draw could not know.
func (r *modelRun) resolved(asks []ask) []ask {
	for i, a := range asks {
		if lines := r.books.holds[a.id].Lines; a.repeats && lines != nil {
			asks[i].lines = repeated(lines)
		}
	}
	return asks
}

// ledger submits operations as one batch, past the gate.
func (r *modelRun) ledger(t *rapid.T, asks []ask) {
	ops := make([]*reservation.Operation, len(asks))
	for i, a := range asks {
		ops[i] = a.operation(r.books.holds[a.id].NextCheckAt)
	}
	r.compare(t, asks, r.service.Ledger().Do(r.ctx, ops))
}

// tries go through the gate one by one: of several it may let some overtake
// others, and a Try that it stops may hear of the shortage before its not_after.
func (r *modelRun) tries(t *rapid.T, asks []ask) {
	requests := make([]reservation.TryRequest, len(asks))
	for i := range asks {
		if !r.gate.away.Load() {
			asks[i].when = whenever
		}
		requests[i] = asks[i].try()
	}
	if r.gate.away.Load() {
		r.compare(t, asks, r.service.Try(r.ctx, requests))
		return
	}
	for i := range asks {
		began := r.store.now.Load()
		answers := r.service.Try(r.ctx, requests[i:i+1])
		if r.store.now.Load() == began {
			require.Error(t, answers[0].Err, "no batch was run")
		}
		r.compare(t, asks[i:i+1], answers)
	}
}

func (r *modelRun) requests(t *rapid.T, asks []ask) {
	requests := make([]reservation.Request, len(asks))
	for i, a := range asks {
		requests[i] = a.request()
	}
	r.compare(t, asks, r.service.Do(r.ctx, requests))
}

func (r *modelRun) changes(t *rapid.T, asks []ask) {
	changes := make([]inventory.Change, len(asks))
	for i, a := range asks {
		changes[i] = a.change
	}
	r.compare(t, asks, r.service.Change(r.ctx, changes))
}

// compare lets the books do what the ledger did, at its time.
func (r *modelRun) compare(t *rapid.T, asks []ask, answers []reservation.Answer) {
	want := r.books.batch(*r.store.now.Load(), asks)
	for i, answer := range answers {
		got := told(t, answer)
		if asks[i].verb == "defer" && got.Reservation != nil && want[i].Reservation != nil {
			got.Reservation.Lines = want[i].Reservation.Lines // a page of deferrals does not read them
		}
		require.Equal(t, want[i], got, "%#v", asks[i])
	}
}

// told is an answer in the model's words: without what only the ledger knows.
func told(t *rapid.T, answer reservation.Answer) reply {
	got := reply{Reservation: answer.Reservation, Stock: answer.Stock, Replayed: answer.Replayed}
	if answer.Err != nil {
		var refusal *reservation.Refusal
		require.True(t, errors.As(answer.Err, &refusal), "%v", answer.Err)
		require.NotEmpty(t, refusal.Message)
		got = reply{Reason: refusal.Reason, Shortages: refusal.Shortages, Reservation: refusal.Reservation}
	}
	if got.Reservation != nil {
		plain := *got.Reservation
		plain.Key, plain.Fingerprint = 0, reservation.Fingerprint{}
		got.Reservation = &plain
	}
	return got
}

// disturbGate loses all that the gate knows, makes it believe what is not so, or
// lets it come or go.
func (r *modelRun) disturbGate(t *rapid.T) {
	switch rapid.SampledFrom([]string{"wipe", "lie", "come or go"}).Draw(t, "disturbs") {
	case "wipe":
		require.NoError(t, r.gate.Wipe(r.ctx))
	case "lie":
		lie := inventory.View{Key: r.asks.key(t), Quota: rapid.Int64Range(-2, 30).Draw(t, "quota"), Version: rapid.Int64Range(0, 40).Draw(t, "version")}
		require.NoError(t, r.gate.Gate.Settle(r.ctx, []inventory.View{lie}, nil))
	default:
		r.gate.away.Store(!r.gate.away.Load())
	}
}

// compareRows reads everything of the run.
func (r *modelRun) compareRows(t *rapid.T) {
	page, next, err := r.service.List(r.ctx, reservation.Filter{Owner: r.asks.run}, 0, 100)
	require.NoError(t, err)
	require.Zero(t, next)
	var holds, wantHolds []reservation.Reservation
	for _, held := range page {
		require.Positive(t, held.Key)
		holds = append(holds, *told(t, reservation.Answer{Reservation: held}).Reservation)
	}
	for _, held := range r.books.holds {
		wantHolds = append(wantHolds, held)
	}
	byID := func(a, b reservation.Reservation) int { return a.HoldID.Compare(b.HoldID) }
	slices.SortFunc(holds, byID)
	slices.SortFunc(wantHolds, byID)
	require.Equal(t, wantHolds, holds)

	stocks, err := r.service.ListStock(r.ctx, "", r.asks.run, inventory.Key{}, 100)
	require.NoError(t, err)
	var want []inventory.Stock
	for k := range r.books.shelves {
		want = append(want, r.books.stock(k))
	}
	slices.SortFunc(want, func(a, b inventory.Stock) int { return cmp.Compare(a.SKU, b.SKU) })
	require.Equal(t, want, stocks)
}
