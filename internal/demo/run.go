package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/orders"
)

// Run makes one demonstration. The result is worth showing also when it comes
// with an error: that says why the demonstration did not come to its end, which
// is no statement about stockhold unless Result.Trouble says so, too.
func Run(ctx context.Context, opts Options) (Result, error) {
	return newRun(opts).start(ctx)
}

func newRun(opts Options) *run {
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	return &run{
		opts: opts, books: newBooks(), tally: newTally(),
		progress: &progress{w: opts.Progress, terminal: opts.Terminal},
		// Another name every time: what an earlier run left in the stores stays apart.
		result: Result{Run: "demo-" + strings.ToLower(rand.Text()[:8]), Seed: opts.Seed},
	}
}

func (r *run) start(ctx context.Context) (Result, error) {
	if err := r.opts.check(); err != nil {
		return r.result, err
	}
	began := time.Now()
	err := r.run(ctx)
	r.result.Took = since(began)
	return r.result, err
}

func since(began time.Time) Milliseconds { return Milliseconds(time.Since(began).Milliseconds()) }

// run is a demonstration under way.
type run struct {
	opts     Options
	books    *books
	tally    *tally
	progress *progress
	survey   *survey
	opening  map[string]int64 // units by sku
	shop     *shop
	result   Result
	before   func() // tests only: is called when the books are complete, before they are compared
}

// read opens the orders anew and has something done with them: they are read to
// look, and once more to sell.
func (r *run) read(do func(orders.Source) error) (leftOut orders.LeftOut, err error) {
	if r.opts.Orders == "" {
		return leftOut, do(orders.NewMix(orders.MixOptions{Sales: r.opts.Limit, Seed: r.opts.Seed}))
	}
	file, err := orders.Open(r.opts.Orders)
	if err != nil {
		return leftOut, err
	}
	err = do(orders.Limit(file, r.opts.Limit))
	return file.LeftOut(), errors.Join(err, file.Close())
}

// look reads the orders without selling any, and chooses the stock to begin with.
func (r *run) look(ctx context.Context) (err error) {
	r.result.Source = "a made-up mix"
	if r.opts.Orders != "" {
		r.result.Source = r.opts.Orders
	}
	r.result.LeftOut, err = r.read(func(source orders.Source) (err error) {
		r.survey, err = r.opts.survey(ctx, source)
		return err
	})
	if err != nil {
		return err
	}
	if r.survey.sales == 0 {
		return fmt.Errorf("there are no sales in %s", r.result.Source)
	}
	r.result.Lines, r.result.Units = r.survey.lines, r.survey.units

	scarce, part := r.survey.scarce(r.opts.Short), 1.0
	_, err = r.read(func(source orders.Source) error {
		rehearsal, err := r.opts.rehearse(ctx, source, r.survey, scarce)
		if err == nil {
			part = rehearsal.part(int(float64(r.opts.Short) * float64(r.survey.sales)))
		}
		return err
	})
	r.opening = r.survey.opening(scarce, part, r.opts.Seed)
	return err
}

func (r *run) run(ctx context.Context) (err error) {
	if err := r.look(ctx); err != nil {
		return err
	}
	desk, err := openDesk(ctx, &decider{owner: r.result.Run, books: r.books, tally: r.tally})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, desk.close()) }()

	stockhold, err := r.opts.Start(ctx, r.result.Run, desk.url)
	if err != nil {
		return fmt.Errorf("start stockhold: %w", err)
	}
	defer func() {
		if stopErr := stockhold.Stop(); stopErr != nil {
			err = errors.Join(err, fmt.Errorf("stop stockhold: %w", stopErr))
		}
	}()
	r.result.Stores = stockhold.Stores

	ctx, cancel := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { // without stockhold there is nothing to show
		select {
		case failed := <-stockhold.Failed:
			cancel(fmt.Errorf("stockhold failed: %w", failed))
		case <-ctx.Done():
		}
	})
	defer watch.Wait()
	defer cancel(nil)
	return r.show(ctx, stockhold)
}

// show is the demonstration proper.
func (r *run) show(ctx context.Context, stockhold *Stockhold) error {
	wire := newWire(stockhold.URL, r.opts.Workers, r.opts.Patience, r.tally)
	defer wire.transport.CloseIdleConnections()
	r.shop = newShop(r.opts, r.result.Run, r.books, wire)

	defer func() { r.result.collect(r.shop, r.tally) }()
	if err := r.stock(ctx); err != nil {
		return r.trouble(ctx, "fill the shelves", err)
	}
	if err := r.sell(ctx); err != nil {
		return r.trouble(ctx, "sell", err)
	}
	if err := r.shop.awaitHealing(ctx, r.progress); err != nil {
		return r.trouble(ctx, "wait for the sweeper", err)
	}
	if r.before != nil {
		r.before()
	}
	var err error
	if r.result.Books, err = r.shop.compare(ctx, &r.result.Healing); err != nil {
		return r.trouble(ctx, "compare the books", err)
	}
	if r.result.Audit, err = stockhold.Audit(ctx); err != nil {
		return r.trouble(ctx, "audit", err)
	}
	return nil
}

// trouble keeps why the demonstration broke off.
func (r *run) trouble(ctx context.Context, step string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	err = fmt.Errorf("%s: %w", step, err)
	r.result.Trouble = err.Error()
	return err
}

func (r *run) sell(ctx context.Context) error {
	r.progress.begin("selling", "orders", r.survey.sales)
	defer r.progress.end()
	began := time.Now()
	_, err := r.read(func(source orders.Source) error { return r.shop.replay(ctx, source, r.progress.add) })
	r.result.ReplayTook = since(began)
	return err
}

// stockAtOnce is how many shelves one call fills.
const stockAtOnce = 100

// stock fills the shelves.
func (r *run) stock(ctx context.Context) error {
	for skus := range slices.Chunk(slices.Sorted(maps.Keys(r.opening)), stockAtOnce) {
		request := &stockholdv1.BatchAdjustStockRequest{}
		for _, sku := range skus {
			request.Requests = append(request.Requests, &stockholdv1.AdjustStockRequest{
				Sku: sku, LocationId: r.result.Run, Delta: r.opening[sku], Reason: "opening stock",
				AdjustmentId: fmt.Sprintf("%s:opening:%d", r.result.Run, len(r.books.shelves)+len(request.Requests)),
			})
		}
		if err := r.fill(ctx, request); err != nil {
			return err
		}
		for _, sku := range skus {
			r.books.adjust(sku, r.opening[sku])
		}
	}
	return nil
}

// fill sends a batch until each of its items is answered OK.
func (r *run) fill(ctx context.Context, request *stockholdv1.BatchAdjustStockRequest) error {
	a, err := r.shop.wire.send(ctx, message{call: callAdjust, id: "the opening stock", send: func(ctx context.Context) (bool, error) {
		response, err := r.shop.wire.inventory.BatchAdjustStock(ctx, request)
		if err != nil {
			return false, err
		}
		for _, outcome := range response.GetOutcomes() {
			if failure := outcome.GetFailure(); failure != nil {
				return false, failed(failure)
			}
		}
		return false, nil
	}})
	if err == nil && a.kind != accepted {
		err = fmt.Errorf("the opening stock was %s", a)
	}
	return err
}

// failed is an item's failure as the error of a call.
func failed(failure *stockholdv1.Failure) error {
	err := connect.NewError(connect.Code(failure.GetCode()), errors.New(failure.GetMessage()))
	if detail, detailErr := connect.NewErrorDetail(failure.GetRefusal()); detailErr == nil {
		err.AddDetail(detail)
	}
	return err
}
