package simulation

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"stockhold/inventory"
	"stockhold/reservation"
	"stockhold/sweeper"
)

// process is one stockhold: a service and a sweeper on connections of their own.
type process struct {
	world   *world
	name    string
	dead    atomic.Bool // its goroutines go on, but nothing they do reaches anybody
	service *reservation.Service
	stop    context.CancelFunc
	group   sync.WaitGroup

	mu    sync.Mutex
	roles map[string]string // what committers with a transaction are called, by their own names
}

const secondCommitter = "second committer"

// who names the goroutine that a call comes from. Which of two committers takes a
// batch may be a matter of a race without consequence, and schedules must not
// depend on it: they are called by their roles.
func (p *process) who(ctx context.Context) string {
	name := whose(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	return cmp.Or(p.roles[name], name)
}

// take gives a committer the first role that nobody plays.
func (p *process) take(ctx context.Context) (leave func()) {
	name := whose(ctx)
	if !strings.HasPrefix(name, "committer") {
		return func() {}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := slices.Collect(maps.Values(p.roles))
	for _, role := range []string{"committer", secondCommitter} {
		if !slices.Contains(taken, role) {
			p.roles[name] = role
			break
		}
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.roles, name)
	}
}

// turn waits for the scheduler. A dead process's steps are over at once.
func (p *process) turn(what string, ready func() bool, fates ...fate) fate {
	if p.dead.Load() {
		return unsent
	}
	unlessDead := ready
	if ready != nil {
		unlessDead = func() bool { return p.dead.Load() || ready() }
	}
	return p.world.scheduler.wait(p.name+" "+what, unlessDead, fates...)
}

// named runs work under a name that stores and gate see.
func named(ctx context.Context, name string, work func(context.Context)) {
	pprof.Do(ctx, pprof.Labels("stockhold", name), work)
}

// began counts transactions that two committers of one process have at once.
func (w *world) began(t *tx) {
	if t.name == secondCommitter {
		w.happened["two committers at once"]++
	}
}

// start begins a process. Its number spreads the keys that processes make.
func (w *world) start(name string) *process {
	p := &process{world: w, name: name, roles: map[string]string{}}
	w.started++
	number := int64(w.started%15 + 1)
	random := func(n int64) int64 { return n / 16 * number }
	quiet := slog.New(slog.DiscardHandler)
	store, gate := &store{w.db, p}, &gate{w.redis, p}
	p.service = reservation.New(store, gate, reservation.Options{
		Ledger:      reservation.LedgerOptions{Committers: w.committers, QueueLines: w.queueLines, Random: random},
		Readers:     1,
		CallTimeout: callTimeout,
		HasDecider:  func(owner string) bool { return owner == asking },
		Logger:      quiet,
	})
	sweep, err := sweeper.New(store, p.service.Ledger(), gate, map[string]sweeper.Decider{asking: &decider{w, p}}, sweeper.Options{
		Interval: time.Second, Lease: 6 * time.Second, RequestTimeout: 2 * time.Second,
		Backoff: time.Second, Slowest: 5 * time.Second, ParkAfter: 3, BreakerPause: 2 * time.Second,
		Grace: grace, Retention: w.keep, Random: random, Logger: quiet,
	})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(w.ctx)
	p.stop = stop
	p.group.Go(func() { w.must(p.service.Run(ctx)) })
	p.group.Go(func() { named(ctx, "sweeper", func(ctx context.Context) { w.must(sweep.Run(ctx)) }) })
	return p
}

// kill ends a process at once, as kill -9 does: what it has open on the
// database is rolled back, what it was told and has not passed on is lost. Its
// goroutines are ended when no call is left in it: who of those that work and those
// that end would be first is not drawn from the seed.
func (w *world) kill(p *process) {
	p.dead.Store(true)
	for t := range w.db.open {
		if t.process == p && !w.undecided(t) {
			w.db.end(t)
		}
	}
	time.AfterFunc(2*callTimeout, p.stop)
}

// decider is the order service's side of check-back: it answers from its books.
type decider struct {
	world   *world
	process *process
}

func (d *decider) Decide(ctx context.Context, _ string, questions []sweeper.Question) ([]sweeper.Decision, error) {
	f := d.process.turn(whose(ctx)+" asks the owner", nil, unsent, mute)
	if f != done || d.process.dead.Load() {
		return nil, errGone
	}
	var decisions []sweeper.Decision
	for _, q := range questions {
		if d.world.scheduler.faults > 0 && d.world.random.IntN(8) == 0 {
			continue // left out, which decides nothing
		}
		o := d.world.orders[inventory.HoldID{Owner: asking, ID: q.ID}]
		if o.verdict == sweeper.Commit || o.verdict == sweeper.Abort {
			o.told[o.verdict] = true
		}
		decisions = append(decisions, sweeper.Decision{ID: q.ID, Verdict: o.verdict})
	}
	return decisions, nil
}
