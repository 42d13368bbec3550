package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/pprof"
	"strconv"
	"sync"
	"testing/synctest"
	"time"

	"stockhold/inventory"
	"stockhold/reservation"
	"stockhold/sweeper"
)

// Outcome is what became of one schedule.
type Outcome struct {
	Steps    int
	Answered map[string]int
	Happened map[string]int
	Err      error // the first broken promise, or nil
}

// Bounds of a schedule.
const (
	chaosSteps = 1500            // of the first phase, if its calls take that many
	healWithin = 5 * time.Minute // of the second phase, in its own time
	endWithin  = time.Hour       // of all calls, and of all goroutines at the end, in its own time
)

// Run plays the schedule of a seed. It must be called in a synctest bubble. A call
// that is never answered, or a goroutine that does not end, is a panic: it leaves
// goroutines behind, and so the bubble cannot be left. All goroutines of a schedule
// have its seed for a label.
func Run(seed uint64, trace func(format string, args ...any)) Outcome {
	ctx := pprof.WithLabels(context.Background(), pprof.Labels("seed", strconv.FormatUint(seed, 10)))
	pprof.SetGoroutineLabels(ctx)
	w := newWorld(ctx, seed, trace)
	began := time.Now()
	over := false
	isOver := func() bool { return over }
	var clients, helpers sync.WaitGroup
	for i := range w.size {
		w.processes = append(w.processes, w.start(fmt.Sprintf("p%d", i)))
	}
	ended := false
	helpers.Go(func() { w.server(func() bool { return ended }) })
	helpers.Go(func() { w.chaos(isOver) })
	for _, o := range w.inOrder() {
		clients.Go(func() { w.run(o) })
	}
	for _, d := range w.desks {
		clients.Go(func() { w.batch(d) })
	}
	played := closedAfter(&clients)
	for !isClosed(played) {
		if w.scheduler.steps > chaosSteps {
			over = true
		}
		w.scheduler.step()
		bound(seed, began, "a call has no answer")
	}
	over = true
	w.heal()
	ended = true
	for _, p := range append(w.processes, w.graveyard...) {
		p.stop()
		helpers.Go(p.group.Wait)
	}
	helpers.Go(w.strangers.Wait)
	began = time.Now()
	for gone := closedAfter(&helpers); !isClosed(gone); {
		w.scheduler.step()
		bound(seed, began, "a process that was stopped has not ended")
	}
	for fate, n := range w.scheduler.fated {
		w.happened["a step"+fateNames[fate]] += n
	}
	return Outcome{w.scheduler.steps, w.answered, w.happened, w.failed}
}

// bound ends a schedule that would go on for ever.
func bound(seed uint64, began time.Time, why string) {
	if time.Since(began) > endWithin {
		panic(fmt.Sprintf("seed %d: after %s of its own time %s", seed, endWithin, why))
	}
}

func closedAfter(group *sync.WaitGroup) chan struct{} {
	closed := make(chan struct{})
	go func() {
		group.Wait()
		close(closed)
	}()
	return closed
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func newWorld(ctx context.Context, seed uint64, trace func(string, ...any)) *world {
	random := rand.New(rand.NewPCG(seed, 0))
	w := &world{
		ctx:       ctx,
		scheduler: &scheduler{random: random, trace: trace},
		random:    random,
		redis:     newRedis(),
		size:      1 + random.IntN(3),
		orders:    map[inventory.HoldID]*order{},
		watches:   map[*watch]bool{},
		answered:  map[string]int{},
		happened:  map[string]int{},

		committers: 1 + random.IntN(2),
		queueLines: []int{0, 0, 3}[random.IntN(3)],
	}
	if random.IntN(2) == 0 {
		w.keep = reservation.Retention{Ended: 6 * time.Second, Tombstones: tombstones, Adjustments: time.Minute}
	}
	w.scheduler.faults = []float64{0, 0.01, 0.03, 0.1}[random.IntN(4)]
	w.db = newDatabase(w)
	skus := []string{"A", "B", "C"}[:1+random.IntN(3)]
	for _, sku := range skus {
		key := inventory.Key{Location: "default", SKU: sku}
		w.db.stocks[key] = inventory.Stock{Key: key, OnHand: int64(1 + random.IntN(5)), Version: 1}
	}
	for i := range 3 + random.IntN(6) {
		o := &order{
			id:      inventory.HoldID{Owner: asking, ID: fmt.Sprintf("o%d", i)},
			verdict: sweeper.Pending,
			told:    map[sweeper.Verdict]bool{},
			visited: map[reservation.State]bool{},
		}
		if random.IntN(3) == 0 {
			o.id.Owner = releasing
		}
		for _, sku := range skus {
			if len(o.lines) == 0 || random.IntN(2) == 0 {
				o.lines = append(o.lines, inventory.Line{Key: inventory.Key{Location: "default", SKU: sku}, Quantity: int64(1 + random.IntN(2))})
			}
		}
		if random.IntN(3) == 0 {
			o.notAfter = w.db.now().Add(time.Duration(random.Int64N(int64(tombstones))))
		}
		w.plan(o)
		w.orders[o.id] = o
	}
	for i := range random.IntN(3) {
		w.desks = append(w.desks, w.newDesk(i))
	}
	return w
}

func (w *world) inOrder() (orders []*order) {
	for _, owner := range []string{asking, releasing} {
		for i := range len(w.orders) {
			if o := w.orders[inventory.HoldID{Owner: owner, ID: fmt.Sprintf("o%d", i)}]; o != nil {
				orders = append(orders, o)
			}
		}
	}
	return orders
}

// heal is the second phase: nothing goes wrong any more, owners decide, and
// within a bounded time everything must have come to rest.
func (w *world) heal() {
	for _, o := range w.orders {
		if o.verdict == sweeper.Pending {
			o.verdict = sweeper.Abort
		}
	}
	began := time.Now()
	for {
		synctest.Wait() // for the last one who moved, before looking at what it did
		why := w.unrest()
		if why == "" {
			break
		}
		if time.Since(began) > healWithin {
			w.check(false, "after %s of peace %s", healWithin, why)
			return
		}
		w.scheduler.step()
	}
	w.finalChecks()
}

// unrest names something that has not come to rest yet, or nothing.
func (w *world) unrest() string {
	for id, r := range w.db.reservations {
		if r.State == reservation.Reserved {
			return fmt.Sprintf("%s is still RESERVED", id)
		}
	}
	if len(w.db.open) > 0 || len(w.later) > 0 {
		return "a transaction is still open"
	}
	if n := len(w.redis.holds); n > 0 {
		return fmt.Sprintf("%d holds are still pending in the gate", n)
	}
	for key, row := range w.redis.rows {
		s := w.db.stocks[key]
		if row.quota != s.Available() || row.version != s.Version || row.pending != 0 {
			return fmt.Sprintf("the gate has %+v of %s, the ledger %+v", row, key, s)
		}
	}
	return ""
}

// finalChecks holds what was promised about single calls against the end.
func (w *world) finalChecks() {
	for id, o := range w.orders {
		if r, ok := w.db.reservations[id]; ok && len(r.Lines) > 0 {
			w.check(o.mayHold, "%s is in the books though no Try of it was begun", id)
		}
	}
}
