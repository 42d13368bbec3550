package quota

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"stockhold/inventory"
)

// Ledger tells what is held. The ledger's store implements it.
type Ledger interface {
	// Held adds up the units of an owner's reservations that are RESERVED.
	Held(ctx context.Context, owner string) (units int64, err error)
	// Known tells which of some reservations exist, in any state.
	Known(ctx context.Context, ids []inventory.HoldID) ([]inventory.HoldID, error)
}

const (
	holdingsInterval = 5 * time.Second
	holdingsPatience = 2 * time.Second
	// A sum over many holds takes time. Of the database's time an owner's sum gets
	// one part in so many, at most.
	holdingsShare = 20
	// Owners of whom nothing was heard for so long are forgotten.
	holdingsForget = time.Minute
	// Most lookups at once of those who would hold too much: a storm of them may
	// slow itself down, but not the ledger.
	mostLookups = 4
)

// Holdings knows about how many units are held in the name of each owner that has
// a limit. It is safe for concurrent use; Run reads the ledger.
//
// What it knows is the sum that it last read in the ledger, some seconds ago, and
// what this process took and gave back since. So, with a limit of L:
//
//   - alone, this process never lets an owner hold more than L: what is under way
//     counts as held until it is known not to be;
//   - several processes see each other's holds at their next reading only. Until
//     then each may let in what it believes to be free: with n processes an owner
//     may for some seconds hold up to n times L;
//   - what is confirmed here is given back at once; all else that ends (by a Cancel,
//     at another server, by the sweeper) is seen at the next reading, so an owner
//     may be refused some seconds too long.
//
// A sum that cannot be read is not waited for: the owner goes unlimited until it
// can, and the log says so. Stock is the ledger's to guard, not this package's.
type Holdings struct {
	ledger  Ledger
	log     *slog.Logger
	lookups chan struct{} // one message for each that is under way

	mu     sync.Mutex
	owners map[string]*holding
}

// holding is what is known of one owner. Its fields are guarded by Holdings.mu.
type holding struct {
	known   bool  // there was a reading
	read    int64 // by the latest reading
	since   int64 // taken less given back, of what no reading can have missed
	during  int64 // taken while a reading is under way, which may have seen it or not
	flying  int64 // asked for by calls under way
	reading chan struct{}
	next    time.Time // no reading before
	used    time.Time
}

// NewHoldings has read nothing yet.
func NewHoldings(ledger Ledger, log *slog.Logger) *Holdings {
	return &Holdings{ledger: ledger, log: log, lookups: make(chan struct{}, mostLookups), owners: map[string]*holding{}}
}

// Take claims units for an owner before they are asked for, unless it would hold
// more than its limit with them; then nothing is claimed. What was claimed ends
// with Done. The first call for an owner reads the ledger, and others wait for it.
func (h *Holdings) Take(ctx context.Context, owner string, units, limit int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.owner(owner)
	if !o.known && !time.Now().Before(o.next) {
		h.mu.Unlock()
		h.look(ctx, owner, o)
		h.mu.Lock()
	}
	if o.known && o.read+o.since+o.during+o.flying+units > limit {
		return false
	}
	o.flying += units
	return true
}

// Done says what became of units that were claimed: held is true if they are, or
// may be.
func (h *Holdings) Done(owner string, units int64, held bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.owner(owner)
	o.flying -= units
	switch {
	case !held:
	case o.reading != nil:
		o.during += units
	default:
		o.since += units
	}
}

// ErrBusy: too many lookups are under way.
var ErrBusy = errors.New("too many ask for more than they may hold")

// Known tells which of some reservations exist. Whoever repeats a call that
// succeeded asks for nothing more, whatever the owner holds by now.
func (h *Holdings) Known(ctx context.Context, ids []inventory.HoldID) (map[inventory.HoldID]bool, error) {
	select {
	case h.lookups <- struct{}{}:
		defer func() { <-h.lookups }()
	default:
		return nil, ErrBusy
	}
	found, err := h.ledger.Known(ctx, ids)
	if err != nil {
		return nil, err
	}
	known := make(map[inventory.HoldID]bool, len(found))
	for _, id := range found {
		known[id] = true
	}
	return known, nil
}

// Gave says that units which were held are not any more. While a reading is under
// way it says nothing: the reading may have seen it, and nothing is to be given
// back twice.
func (h *Holdings) Gave(owner string, units int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if o := h.owners[owner]; o != nil && o.reading == nil {
		o.since -= units
	}
}

func (h *Holdings) owner(name string) *holding {
	o := h.owners[name]
	if o == nil {
		o = &holding{}
		h.owners[name] = o
	}
	o.used = time.Now()
	return o
}

// Run reads, every few seconds, the sums of the owners that were heard of lately.
func (h *Holdings) Run(ctx context.Context) error {
	tick := time.NewTicker(holdingsInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			h.readAll(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

func (h *Holdings) readAll(ctx context.Context) {
	due := map[string]*holding{}
	h.mu.Lock()
	for name, o := range h.owners {
		switch idle := time.Since(o.used); {
		case idle > holdingsForget && o.flying == 0 && o.reading == nil:
			delete(h.owners, name)
		case !time.Now().Before(o.next):
			due[name] = o
		}
	}
	h.mu.Unlock()
	for name, o := range due {
		if ctx.Err() != nil {
			return
		}
		h.look(ctx, name, o)
	}
}

// look reads one sum, or waits for the one who does.
func (h *Holdings) look(ctx context.Context, name string, o *holding) {
	h.mu.Lock()
	if under := o.reading; under != nil {
		h.mu.Unlock()
		select {
		case <-under:
		case <-ctx.Done():
		}
		return
	}
	done := make(chan struct{})
	o.reading = done
	h.mu.Unlock()
	defer close(done)

	began := time.Now()
	// The reading is for all who wait: it does not end with the first of them.
	reading, cancel := context.WithTimeout(context.WithoutCancel(ctx), holdingsPatience)
	defer cancel()
	units, err := h.ledger.Held(reading, name)
	took := time.Since(began)

	h.mu.Lock()
	defer h.mu.Unlock()
	o.reading = nil
	o.next = time.Now().Add(max(holdingsInterval-time.Second, holdingsShare*took))
	if err != nil {
		o.known = false
		o.since += o.during
		o.during = 0
		h.log.Warn("the units held for an owner could not be added up: they are not limited until they can", "owner", name, "error", err)
		return
	}
	o.known, o.read, o.since, o.during = true, units, o.during, 0
}
