package demo_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/app"
	"stockhold/internal/audit"
	"stockhold/internal/config"
	"stockhold/internal/demo"
	"stockhold/internal/leaktest"
	"stockhold/internal/orders"
	"stockhold/internal/testservers"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

var quiet = slog.New(slog.DiscardHandler)

// small is a demonstration that does not take long, with much going wrong.
func small(sales int) demo.Options {
	options := demo.Defaults()
	options.Limit, options.TTL, options.Workers = sales, time.Second, 16
	options.Unpaid, options.Lose, options.Twice, options.Late, options.Short = 0.2, 0.2, 0.2, 0.2, 0.1
	return options
}

func embedded() config.Config {
	cfg := config.Default()
	cfg.Stores.GateTimeout = 5 * time.Second // tests share the machine
	return cfg
}

func real(t *testing.T) config.Config {
	cfg := embedded()
	cfg.Stores.MySQLDSN = testservers.Database(t)
	cfg.Stores.RedisURL = testservers.Redis(t).URL()
	cfg.Stores.RedisPrefix = testservers.Prefix(t)
	cfg.Server.Migrate = true
	return cfg
}

// requireShown checks that a demonstration succeeded, and that it had something to show.
func requireShown(t *testing.T, result demo.Result, sales int) {
	t.Helper()
	var table bytes.Buffer
	require.NoError(t, result.WriteTable(&table))
	require.NoError(t, result.Err(), table.String())
	require.Contains(t, table.String(), "THE BOOKS AGREE to the unit and the audit is clean")

	outcomes := map[string]int64{}
	for _, o := range result.Outcomes {
		outcomes[o.Name] = o.Count
	}
	require.EqualValues(t, sales, result.Orders)
	require.Positive(t, outcomes["sold"])
	require.Positive(t, outcomes["payment failed"])
	require.Positive(t, outcomes["refused for stock"])
	require.Equal(t, outcomes["sold"], result.AwaitDispatch+result.Shipped+result.TakenBack)
	require.Less(t, result.Held, result.Orders)
	require.NotEmpty(t, result.Lost)
	require.NotEmpty(t, result.Dropped)
	require.NotEmpty(t, result.Replays)
	require.NotEmpty(t, result.Intercepted)
	require.Positive(t, result.Doubled)

	require.Positive(t, result.Healing.Confirmed)
	require.Positive(t, result.Healing.Released)
	require.Positive(t, result.Healing.Expired)
	require.GreaterOrEqual(t, result.Healing.P50, demo.Milliseconds(0))
	require.LessOrEqual(t, result.Healing.P50, result.Healing.P99)
	require.LessOrEqual(t, result.Healing.P99, result.Healing.Max)

	require.Positive(t, result.Books.Mine.OnHand)
	require.Positive(t, result.Books.Mine.Committed)
	require.Equal(t, result.Books.Mine, result.Books.Theirs)
	require.True(t, result.Audit.Gate.Judged)

	text, err := json.Marshal(result)
	require.NoError(t, err)
	var again demo.Result
	require.NoError(t, json.Unmarshal(text, &again))
	require.Equal(t, result.Intercepted, again.Intercepted)
}

func TestEmbedded(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	cfg := embedded()
	cfg.Stores.Data = filepath.Join(folder, "not to be touched")
	var said bytes.Buffer
	options := small(150)
	options.Progress = &said
	result, err := app.Demo(t.Context(), cfg, options, quiet)
	require.NoError(t, err)
	requireShown(t, result, 150)
	require.Contains(t, said.String(), "selling: 150 of 150 orders\n")

	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Empty(t, left, "an embedded demonstration leaves nothing behind")
}

// A file of orders, against a real MariaDB and a real Redis, and once more beside
// what the first run left there.
func TestFileOnRealStores(t *testing.T) {
	cfg := real(t)
	options := small(0)
	options.Orders = writeOrders(t, 300)
	first, err := app.Demo(t.Context(), cfg, options, quiet)
	require.NoError(t, err)
	requireShown(t, first, 300)
	require.Equal(t, orders.LeftOut{NonGoods: 300}, first.LeftOut)
	require.Positive(t, first.Restocked)
	require.Positive(t, first.WrittenOff+first.WriteOffsRefused)
	require.Positive(t, first.TakenBack)

	cfg.Server.Migrate = false
	options.Limit = 50
	options.Lose, options.Twice, options.Late, options.Short, options.Unpaid = 0, 0, 0, 0, 0
	second, err := app.Demo(t.Context(), cfg, options, quiet)
	require.NoError(t, err)
	require.NoError(t, second.Err())
	require.NotEqual(t, first.Run, second.Run)
	require.EqualValues(t, 50, second.Orders)
	require.EqualValues(t, 50, second.Held)
	require.Empty(t, second.Replays)
	require.Empty(t, second.Intercepted)
	require.Zero(t, second.Healing.Confirmed+second.Healing.Released)
	require.GreaterOrEqual(t, second.Audit.Ledger.Reservations, second.Books.Reservations+first.Books.Reservations)
}

// writeOrders writes a mix as a file, with some postage on every invoice.
func writeOrders(t *testing.T, sales int) string {
	path := filepath.Join(t.TempDir(), "orders.csv.gz")
	file, err := os.Create(path)
	require.NoError(t, err)
	zipped := gzip.NewWriter(file)
	rows := csv.NewWriter(zipped)
	write := func(values ...string) { require.NoError(t, rows.Write(values)) }
	write("invoice", "ts", "customer", "sku", "qty", "unit_price", "country")
	mix := orders.NewMix(orders.MixOptions{Sales: sales, SKUs: 50, Seed: 5})
	for {
		event, err := mix.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		at := event.At.Format("2006-01-02 15:04:05")
		for _, line := range event.Lines {
			quantity := line.Quantity
			if event.Kind != orders.Sale {
				quantity = -quantity
			}
			write(event.Invoice, at, event.Customer, line.SKU, strconv.FormatInt(quantity, 10), "1.25", "Utopia")
		}
		if event.Kind == orders.Sale {
			write(event.Invoice, at, event.Customer, "POST", "1", "4.00", "Utopia")
		}
	}
	rows.Flush()
	require.NoError(t, errors.Join(rows.Error(), zipped.Close(), file.Close()))
	return path
}

// The comparison would be worth nothing if it could not fail.
func TestFalsifiedBooksAreNoticed(t *testing.T) {
	for name, tt := range map[string]struct {
		falsify func(demo.Books)
		want    string
	}{
		"a unit too many":             {func(b demo.Books) { b.AddToShelf(1) }, "on hand"},
		"a unit too few":              {func(b demo.Books) { b.AddToShelf(-1) }, "on hand"},
		"an order that was never one": {func(b demo.Books) { b.SellAborted() }, "committed in the books,"},
	} {
		t.Run(name, func(t *testing.T) {
			options := small(30)
			options.Start = starter(t)
			result, err := demo.RunFalsified(t.Context(), options, tt.falsify)
			require.NoError(t, err)
			require.EqualValues(t, 1, result.Books.Total)
			require.Contains(t, result.Books.Differences[0], tt.want)
			require.ErrorContains(t, result.Err(), "the books differ in 1 places")
			var table bytes.Buffer
			require.NoError(t, result.WriteTable(&table))
			require.Contains(t, table.String(), "FAILED: the books differ")
			require.NotContains(t, table.String(), "THE BOOKS AGREE")
		})
	}
}

// starter takes the Start that the program uses, for runs that the program does
// not make.
func starter(t *testing.T) (start func(context.Context, string, string) (*demo.Stockhold, error)) {
	return app.DemoStage(embedded(), quiet)
}

func TestStockholdThatFailsEndsTheDemonstration(t *testing.T) {
	garbage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusTeapot) }))
	defer garbage.Close()
	away := httptest.NewServer(nil)
	away.Close()
	broken := errors.New("the disk is gone")
	failed := make(chan error, 1)
	failed <- broken
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer hanging.Close()

	for name, tt := range map[string]struct {
		stockhold demo.Stockhold
		want      string
	}{
		"it answers garbage": {demo.Stockhold{URL: garbage.URL}, "fill the shelves: AdjustStock of the opening stock"},
		"it is not there":    {demo.Stockhold{URL: away.URL}, "fill the shelves: AdjustStock of the opening stock"},
		"it ends by itself":  {demo.Stockhold{URL: hanging.URL, Failed: failed}, "stockhold failed: the disk is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			stopped := 0
			tt.stockhold.Stop = func() error { stopped++; return nil }
			tt.stockhold.Audit = func(context.Context) (audit.Report, error) { return audit.Report{}, errors.New("never asked") }
			options := small(10)
			options.Patience = time.Second
			options.Start = func(context.Context, string, string) (*demo.Stockhold, error) { return &tt.stockhold, nil }
			result, err := demo.Run(t.Context(), options)
			require.ErrorContains(t, err, tt.want)
			require.ErrorContains(t, result.Err(), tt.want)
			require.Equal(t, 1, stopped)
		})
	}
}

func TestWhatCannotBeginSaysWhy(t *testing.T) {
	start := func(context.Context, string, string) (*demo.Stockhold, error) {
		return nil, errors.New("no port is free")
	}
	empty := filepath.Join(t.TempDir(), "empty.csv")
	require.NoError(t, os.WriteFile(empty, []byte("invoice,ts,sku,qty\n"), 0o600))
	for name, tt := range map[string]struct {
		change func(*demo.Options)
		want   string
	}{
		"no start":           {func(o *demo.Options) { o.Start = nil }, "nothing starts stockhold"},
		"it does not start":  {func(*demo.Options) {}, "start stockhold: no port is free"},
		"no workers":         {func(o *demo.Options) { o.Workers = 0 }, "workers is 0, must be 1 to 1000"},
		"more than all":      {func(o *demo.Options) { o.Lose = 1.5 }, "lose is 150%, must be 0% to 100%"},
		"a limit below zero": {func(o *demo.Options) { o.Limit = -1 }, "limit is -1"},
		"holds too short":    {func(o *demo.Options) { o.TTL = time.Millisecond }, "ttl is 1ms, must be 1s to 1m"},
		"no patience":        {func(o *demo.Options) { o.Patience = 0 }, "patience is 0s"},
		"no file":            {func(o *demo.Options) { o.Orders = "nowhere.csv" }, "open nowhere.csv"},
		"no sales":           {func(o *demo.Options) { o.Orders = empty }, "there are no sales in " + empty},
	} {
		t.Run(name, func(t *testing.T) {
			options := small(10)
			options.Start = start
			tt.change(&options)
			_, err := demo.Run(t.Context(), options)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestStopEndsTheDemonstration(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := app.Demo(ctx, embedded(), small(20_000), quiet)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
