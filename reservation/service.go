package reservation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"stockhold/internal/tracing"
	"stockhold/inventory"
)

// Options configure a service. Zero fields take the defaults.
type Options struct {
	Limits      Limits                  // default DefaultLimits()
	Ledger      LedgerOptions           // see there
	Readers     int                     // reads behind refusals in flight at once; default 1
	MaxStopped  int                     // Trys whom the gate would refuse that are looked up at once; those beyond are OVERLOADED; default 512
	Late        func() time.Duration    // how late the process is with its work at the moment: calls that the gate would stop then wait; default never
	CallTimeout time.Duration           // the longest a call may take, whatever its own deadline; default 10 s
	HasDecider  func(owner string) bool // whether an owner can be asked; default: nobody
	Logger      *slog.Logger            // default slog.Default()
}

// Service is the front of the domain: every call of the two services, in the
// domain's own words. It orders gate and ledger, and owns neither's truth.
type Service struct {
	store  Store
	gate   Gate
	ledger *Ledger
	reader *reader
	opts   Options
	rules  atomic.Pointer[Rules]

	stopped  atomic.Int64 // Trys that the gate would refuse, under way
	pressure pressure
}

// New makes a service over a store and a gate.
func New(store Store, gate Gate, opts Options) *Service {
	opts.Limits = defaultTo(opts.Limits, DefaultLimits())
	opts.MaxStopped = defaultTo(opts.MaxStopped, 512)
	opts.CallTimeout = defaultTo(opts.CallTimeout, 10*time.Second)
	if opts.HasDecider == nil {
		opts.HasDecider = func(string) bool { return false }
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	opts.Ledger.Logger = opts.Logger
	s := &Service{store: store, gate: gate, ledger: NewLedger(store, gate, opts.Ledger), reader: newReader(store, defaultTo(opts.Readers, 1)), pressure: pressure{late: opts.Late}, opts: opts}
	s.SetRules(Rules{Limits: opts.Limits, HasDecider: opts.HasDecider})
	return s
}

// Run works until ctx ends, then finishes what was begun. Calls need it running.
func (s *Service) Run(ctx context.Context) error {
	reading, stop := context.WithCancel(context.WithoutCancel(ctx))
	var readers sync.WaitGroup
	readers.Go(func() { s.reader.run(reading) })
	if s.pressure.late != nil {
		readers.Go(func() { s.pressure.run(reading) })
	}
	err := s.ledger.Run(ctx)
	stop()
	readers.Wait()
	return err
}

// Ledger is where the sweeper sends what it decided.
func (s *Service) Ledger() *Ledger { return s.ledger }

// Request asks something of a reservation that exists, or of whose id at least
// the caller is sure: Confirm, ConfirmAny, Cancel, CancelKnown, Extend, Fulfill, Return.
type Request struct {
	ID     HoldID
	Call   Call
	TTL    time.Duration // Extend
	Reason string        // Cancel
	By     Resolver      // default ByCaller
}

// Do answers requests, in order; they are independent of each other.
func (s *Service) Do(ctx context.Context, requests []Request) []Answer {
	ctx, cancel := context.WithTimeout(ctx, s.opts.CallTimeout)
	defer cancel()
	rules := s.rules.Load()
	return s.forward(ctx, rules, len(requests), func(i int) (*Operation, error) { return rules.operation(requests[i]) })
}

// Change answers corrections of on_hand, in order. A change without an id gets one.
func (s *Service) Change(ctx context.Context, changes []inventory.Change) []Answer {
	ctx, cancel := context.WithTimeout(ctx, s.opts.CallTimeout)
	defer cancel()
	rules := s.rules.Load()
	return s.forward(ctx, rules, len(changes), func(i int) (*Operation, error) {
		change := changes[i]
		change.Key.Location = defaultTo(change.Key.Location, DefaultName)
		if change.ID == "" {
			change.ID = "auto-" + uuid.NewString()
		}
		c := rules.checker()
		c.change(change)
		return &Operation{Change: &change}, c.refusal()
	})
}

// forward sends well-formed operations to the ledger and answers the others.
func (s *Service) forward(ctx context.Context, rules *Rules, n int, build func(int) (*Operation, error)) []Answer {
	if err := rules.size(n); err != nil {
		return refuseAll(n, err)
	}
	answers := make([]Answer, n)
	ops := make([]*Operation, 0, n)
	at := make([]int, 0, n)
	for i := range n {
		op, err := build(i)
		if err != nil {
			answers[i].Err = err
			continue
		}
		ops, at = append(ops, op), append(at, i)
	}
	if tracing.On() && len(ops) == 1 && ops[0].Change == nil {
		describe(ctx, ops[0].ID)
	}
	reach(ops, "received")
	for i, answer := range s.ledger.Do(ctx, ops) {
		answers[at[i]] = answer
	}
	return answers
}

// operation checks a request and puts it into the ledger's terms.
func (rules *Rules) operation(r Request) (*Operation, error) {
	op := &Operation{Call: r.Call, ID: withDefaults(r.ID), By: defaultTo(r.By, ByCaller), Reason: r.Reason, TTL: r.TTL.Truncate(time.Microsecond)}
	c := rules.checker()
	c.holdID(op.ID)
	c.text("reason", op.Reason)
	switch r.Call {
	case Extend:
		op.TTL = defaultTo(op.TTL, rules.Limits.DefaultTTL)
		c.ttl(op.TTL)
	case Confirm, ConfirmAny, Cancel, CancelKnown, Fulfill, Return:
	default:
		return nil, fmt.Errorf("reservation: %s is not a request", r.Call)
	}
	return op, c.refusal()
}

func withDefaults(id HoldID) HoldID {
	id.Owner = defaultTo(id.Owner, DefaultName)
	return id
}

// Get reads one reservation.
func (s *Service) Get(ctx context.Context, id HoldID) (*Reservation, error) {
	id = withDefaults(id)
	c := s.rules.Load().checker()
	c.holdID(id)
	if err := c.refusal(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.CallTimeout)
	defer cancel()
	r, err := s.store.Reservation(ctx, id)
	if err != nil {
		return nil, unavailable(err)
	}
	if r == nil {
		return nil, refuse(NotFound, id, &Reservation{}, nil)
	}
	return r, nil
}

// List reads a page of reservations, oldest first. next is 0 on the last page;
// a page may be short, even empty, before that.
func (s *Service) List(ctx context.Context, filter Filter, after int64, limit int) (page []*Reservation, next int64, err error) {
	filter.Owner = defaultTo(filter.Owner, DefaultName)
	c := s.rules.Load().checker()
	c.id("owner", filter.Owner)
	if filter.SKU != "" {
		c.sku("sku", filter.SKU)
	}
	if filter.Location != "" {
		c.id("location_id", filter.Location)
	}
	limit = pageSize(&c, limit)
	if err := c.refusal(); err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.CallTimeout)
	defer cancel()
	page, next, err = s.store.Reservations(ctx, filter, after, limit)
	return page, next, unavailable(err)
}

// GetStock reads one stock row from the ledger.
func (s *Service) GetStock(ctx context.Context, key inventory.Key) (inventory.Stock, error) {
	key.Location = defaultTo(key.Location, DefaultName)
	c := s.rules.Load().checker()
	c.sku("sku", key.SKU)
	c.id("location_id", key.Location)
	if err := c.refusal(); err != nil {
		return inventory.Stock{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.CallTimeout)
	defer cancel()
	rows, err := s.store.Stocks(ctx, []inventory.Key{key})
	if err != nil {
		return inventory.Stock{}, unavailable(err)
	}
	if len(rows) == 0 {
		return inventory.Stock{}, unknownSKUs([]inventory.Shortage{{Key: key}})
	}
	return rows[0], nil
}

// ListStock reads a page of stock rows after a key, in key order.
func (s *Service) ListStock(ctx context.Context, sku, location string, after inventory.Key, limit int) ([]inventory.Stock, error) {
	c := s.rules.Load().checker()
	if sku != "" {
		c.sku("sku", sku)
	}
	if location != "" {
		c.id("location_id", location)
	}
	limit = pageSize(&c, limit)
	if err := c.refusal(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.CallTimeout)
	defer cancel()
	page, err := s.store.StockPage(ctx, sku, location, after, limit)
	return page, unavailable(err)
}

// PageSize is the number of items of a page that names none.
const PageSize = 50

func pageSize(c *checker, limit int) int {
	limit = defaultTo(limit, PageSize)
	c.between("page_size", int64(limit), 1, int64(c.limits.PageSize))
	return limit
}

// unavailable turns a store's error into the caller's: the store is away.
func unavailable(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrAway), errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrLockWait), errors.Is(err, ErrConflict):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	default:
		return err
	}
}
