package recount

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/client"
)

// Inventory is the server: a part of the generated client.
type Inventory interface {
	ListStock(context.Context, *stockholdv1.ListStockRequest) (*stockholdv1.ListStockResponse, error)
	GetStock(context.Context, *stockholdv1.GetStockRequest) (*stockholdv1.GetStockResponse, error)
	SetStock(context.Context, *stockholdv1.SetStockRequest) (*stockholdv1.SetStockResponse, error)
}

// Options shape a run. Zero fields take the defaults.
type Options struct {
	Parallel  int           // rows that are dealt with at once; default 64
	Patience  time.Duration // how long one call is repeated that cannot be answered now; default 30 s
	DryRun    bool          // read only, and tell what would be set
	Reason    string        // kept with each change
	Reference string        // kept with each change
	Progress  func(n int)   // hears of rows that are done with; must be safe for concurrent use; default nobody
}

// DefaultParallel keeps the ledger's batches filled without being all that a server
// does.
const DefaultParallel = 64

// maxBroken is how many rows may fail by a defect before the run gives up: what
// answers is no stockhold, most likely.
const maxBroken = 20

// Run sets the rows that differ. Rows that the server refuses are in the report, and
// the others go on; what stops the run is the error: a server that cannot be reached
// for longer than the patience, one that does not let this caller in, or the end of
// ctx. The report holds what was done in either case.
//
// Each change has an id of this run, so that an attempt whose answer was lost is not
// done twice, and so that another run of the same file, later, sets again what has
// changed since.
func Run(ctx context.Context, server Inventory, rows []Row, opts Options) (Report, error) {
	opts.Parallel = cmp.Or(max(opts.Parallel, 0), DefaultParallel)
	opts.Patience = cmp.Or(max(opts.Patience, 0), 30*time.Second)
	if opts.Progress == nil {
		opts.Progress = func(int) {}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r := &run{server: server, opts: opts, id: "import-" + uuid.NewString()[:13], rows: rows, stop: stop}
	began := time.Now()
	var err error
	if r.known, err = r.look(ctx); err != nil {
		return r.report(time.Since(began)), err
	}
	var workers sync.WaitGroup
	for range min(opts.Parallel, len(rows)) {
		workers.Go(func() { r.work(ctx) })
	}
	workers.Wait()
	report := r.report(time.Since(began))
	if report.Left > 0 {
		return report, context.Cause(ctx)
	}
	return report, nil
}

type run struct {
	server Inventory
	opts   Options
	id     string
	rows   []Row
	stop   context.CancelCauseFunc
	known  *known

	next      atomic.Int64
	set       atomic.Int64
	unchanged atomic.Int64

	mu       sync.Mutex
	failures []Failure
	broken   int
}

func (r *run) report(took time.Duration) Report {
	slices.SortFunc(r.failures, func(a, b Failure) int { return cmp.Compare(a.Line, b.Line) })
	report := Report{
		Rows: len(r.rows), Set: int(r.set.Load()), Unchanged: int(r.unchanged.Load()), Failed: len(r.failures),
		DryRun: r.opts.DryRun, Took: took, Seconds: took.Seconds(), Failures: r.failures,
	}
	report.Left = report.Rows - report.Set - report.Unchanged - report.Failed
	return report
}

func (r *run) work(ctx context.Context) {
	for ctx.Err() == nil {
		i := int(r.next.Add(1)) - 1
		if i >= len(r.rows) {
			return
		}
		r.one(ctx, r.rows[i])
	}
}

func (r *run) one(ctx context.Context, row Row) {
	right, err := r.isRight(ctx, row)
	if err == nil && !right && !r.opts.DryRun {
		err = r.write(ctx, row)
	}
	switch {
	case err != nil:
		r.fail(ctx, row, err)
	case right:
		r.unchanged.Add(1)
		r.opts.Progress(1)
	default:
		r.set.Add(1)
		r.opts.Progress(1)
	}
}

// isRight tells whether the server has the row as it is to be. One that is not there
// is not right, even if it is to be 0.
func (r *run) isRight(ctx context.Context, row Row) (bool, error) {
	if onHand, there, sure := r.known.of(row.Key); sure {
		return there && onHand == row.OnHand, nil
	}
	answer, err := client.Repeat(ctx, r.opts.Patience, func(ctx context.Context) (*stockholdv1.GetStockResponse, error) {
		return r.server.GetStock(ctx, &stockholdv1.GetStockRequest{Sku: row.SKU, LocationId: row.Location})
	})
	var failure *client.Failure
	if errors.As(err, &failure) && failure.Refusal.GetReason() == stockholdv1.Reason_REASON_UNKNOWN_SKU {
		return false, nil
	}
	return answer.GetStock().GetOnHand() == row.OnHand, err
}

func (r *run) write(ctx context.Context, row Row) error {
	_, err := client.Repeat(ctx, r.opts.Patience, func(ctx context.Context) (*stockholdv1.SetStockResponse, error) {
		return r.server.SetStock(ctx, &stockholdv1.SetStockRequest{
			Sku: row.SKU, LocationId: row.Location, OnHand: row.OnHand,
			AdjustmentId: fmt.Sprintf("%s-%d", r.id, row.Line), Reason: r.opts.Reason, Reference: r.opts.Reference,
		})
	})
	return err
}

// fail keeps a row's refusal. What would befall the others just as well stops the
// run, and leaves the row for the next.
func (r *run) fail(ctx context.Context, row Row, err error) {
	if ctx.Err() != nil {
		return
	}
	failed := Failure{Row: row, Message: err.Error()}
	var failure *client.Failure
	if !errors.As(err, &failure) {
		r.stop(err)
		return
	}
	failed.Reason, failed.Message = failure.Reason(), failure.Message
	r.mu.Lock()
	defer r.mu.Unlock()
	if failure.Kind == client.Broken {
		r.broken++
	}
	if failure.Kind == client.Unavailable || failure.Kind == client.Denied || r.broken > maxBroken {
		r.stop(fmt.Errorf("line %d, %s: %w", row.Line, row.Key, err))
		return
	}
	r.failures = append(r.failures, failed)
	r.opts.Progress(1)
}
