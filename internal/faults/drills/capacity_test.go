//go:build faults

package drills_test

import (
	"database/sql"
	"flag"
	"fmt"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
	"stockhold/inventory"
)

// reservations to measure with. The document's figures are from 100,000.
var reservations = flag.Int("reservations", 20_000, "measure with so many reservations")

// What a reservation, a stock row and a hold in flight take, measured on real
// stores. The bounds are wide: a page is there whether it is full or not.
func TestCapacity(t *testing.T) {
	d := newDrill(t, faults.SiteOptions{})
	_, client := d.usual()
	cache := d.site.Redis.Client()
	t.Cleanup(func() { require.NoError(t, cache.Close()) })
	rows := max(*reservations/10, 5000)
	d.reserveWarm(client)
	memory := d.used(cache)
	d.stockUp(client, rows)
	empty, _ := d.ledgerSize()
	d.reserve(client, *reservations, rows)
	full, growth := d.ledgerSize()
	bytes := (full - empty) / int64(*reservations)
	require.InDelta(t, 450, bytes, 250, "bytes of ledger a reservation, of which the document says 450")
	row := (d.used(cache) - memory) / int64(rows)
	require.InDelta(t, 175, row, 150, "bytes of gate a stock row, of which the document says 150 to 200")

	gate, err := inventory.Open(d.site.Redis.URL(), inventory.Options{Timeout: patience})
	require.NoError(t, err)
	defer func() { require.NoError(t, gate.Close()) }()
	memory = d.used(cache)
	flight := make([]inventory.Hold, 1000)
	ids := make([]inventory.HoldID, len(flight))
	for i := range flight {
		ids[i] = inventory.HoldID{Owner: owner, ID: fmt.Sprintf("flight-%028d", i)}
		flight[i] = inventory.Hold{HoldID: ids[i], Lines: []inventory.Line{{Key: inventory.Key{Location: "default", SKU: articleOf(i % rows)}, Quantity: 1}}}
	}
	for _, freeze := range gate.Freeze(t.Context(), flight) {
		require.Equal(t, inventory.Frozen, freeze.Outcome, "%v", freeze.Err)
	}
	hold := (d.used(cache) - memory) / int64(len(flight))
	require.InDelta(t, 340, hold, 150, "bytes of gate a hold in flight, of which the document says 340")
	require.NoError(t, gate.Settle(t.Context(), nil, ids))
	t.Logf("%d reservations: %d bytes each (%v); a row of the gate %d bytes, a hold in flight %d",
		*reservations, bytes, growth, row, hold)
	d.do("capacity-look")
	d.do("over")
}

// reserveWarm makes one reservation, so that what is there once, such as the gate's
// scripts, is there.
func (d *drill) reserveWarm(client *faults.Client) {
	d.Helper()
	require.NoError(d, client.SetStock(d.Context(), "warm", 1))
	_, err := client.Try(d.Context(), &stockholdv1.TryRequest{ReservationId: "warm", Owner: owner,
		Lines: []*stockholdv1.Line{{Sku: "warm", Quantity: 1}}})
	require.NoError(d, err)
}

func articleOf(n int) string { return fmt.Sprintf("article-%012d", n) }

func (d *drill) stockUp(client *faults.Client, rows int) {
	d.Helper()
	for from := 0; from < rows; from += 500 {
		batch := &stockholdv1.BatchAdjustStockRequest{}
		for n := from; n < min(from+500, rows); n++ {
			batch.Requests = append(batch.Requests, &stockholdv1.AdjustStockRequest{Sku: articleOf(n), Delta: 1_000_000})
		}
		_, err := client.Stock.BatchAdjustStock(d.Context(), batch)
		require.NoError(d, err)
	}
}

// reserve makes reservations of one line, with ids that are UUIDs, and confirms
// none: they stay.
func (d *drill) reserve(client *faults.Client, count, rows int) {
	d.Helper()
	var callers errgroup.Group
	callers.SetLimit(2)
	for from := 0; from < count; from += 250 {
		callers.Go(func() error {
			batch := &stockholdv1.BatchTryRequest{}
			for n := from; n < min(from+250, count); n++ {
				batch.Requests = append(batch.Requests, &stockholdv1.TryRequest{
					ReservationId: uuid.NewString(), Owner: owner, Reference: fmt.Sprintf("cart-%d", n),
					Lines: []*stockholdv1.Line{{Sku: articleOf(n % rows), Quantity: 1}}})
			}
			answer, err := client.BatchTry(d.Context(), batch)
			for _, outcome := range answer.GetOutcomes() {
				if outcome.GetSuccess() == nil {
					return fmt.Errorf("a reservation was refused: %v", outcome.GetFailure())
				}
			}
			return err
		})
	}
	require.NoError(d, callers.Wait())
}

// ledgerSize is the bytes of all tables and their indexes, together and by table.
func (d *drill) ledgerSize() (all int64, tables map[string]int64) {
	d.Helper()
	db, err := sql.Open("mysql", d.site.DSN())
	require.NoError(d, err)
	defer db.Close()
	_, err = db.ExecContext(d.Context(), "ANALYZE TABLE reservations, reservation_lines, stocks, stock_adjustments")
	require.NoError(d, err)
	rows, err := db.QueryContext(d.Context(), "SELECT table_name, data_length + index_length FROM information_schema.tables WHERE table_schema = DATABASE()")
	require.NoError(d, err)
	defer rows.Close()
	tables = map[string]int64{}
	for rows.Next() {
		var name string
		var size int64
		require.NoError(d, rows.Scan(&name, &size))
		tables[name] = size
		all += size
	}
	require.NoError(d, rows.Err())
	return all, tables
}

// used is the memory of a Redis without its connections'.
func (d *drill) used(cache *redis.Client) int64 {
	d.Helper()
	info, err := cache.InfoMap(d.Context(), "memory").Result()
	require.NoError(d, err)
	figure := func(name string) (n int64) {
		_, err := fmt.Sscan(info["Memory"][name], &n)
		require.NoError(d, err, name)
		return n
	}
	return figure("used_memory") - figure("mem_clients_normal")
}
