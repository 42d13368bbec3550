package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
	"stockhold/internal/faults"
	"stockhold/internal/testservers"
)

// fleet is several processes on the same MariaDB and Redis.
type fleet struct {
	t            *testing.T
	env          []string
	redis        *testservers.RedisServer
	reservations []stockholdv1connect.ReservationServiceClient
	inventory    stockholdv1connect.InventoryServiceClient
	urls         []string
}

// launchFleet migrates a fresh database and starts so many servers on it.
func launchFleet(t *testing.T, servers int, args ...string) *fleet {
	t.Helper()
	redis := testservers.NewRedis(t, testservers.RedisOptions{})
	f := &fleet{t: t, redis: redis, env: []string{
		"STOCKHOLD_MYSQL_DSN=" + testservers.Database(t),
		"STOCKHOLD_REDIS_URL=" + redis.URL(),
	}}
	require.Zero(t, run(t, setup{env: f.env, args: []string{"migrate"}}).code)
	for range servers {
		p := launch(t, setup{env: f.env, args: append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)})
		f.urls = append(f.urls, p.url())
		f.reservations = append(f.reservations, stockholdv1connect.NewReservationServiceClient(client(t, http2), p.url()))
		f.inventory = stockholdv1connect.NewInventoryServiceClient(client(t, http2), p.url())
	}
	return f
}

func (f *fleet) stock(sku string, units int64) {
	f.t.Helper()
	_, err := f.inventory.SetStock(f.t.Context(), &stockholdv1.SetStockRequest{Sku: sku, OnHand: units})
	require.NoError(f.t, err)
}

func (f *fleet) row(sku string) *stockholdv1.Stock {
	f.t.Helper()
	answer, err := f.inventory.GetStock(f.t.Context(), &stockholdv1.GetStockRequest{Sku: sku})
	require.NoError(f.t, err)
	return answer.GetStock()
}

func try(ctx context.Context, c stockholdv1connect.ReservationServiceClient, id, sku string) (*stockholdv1.TryResponse, error) {
	return c.Try(ctx, &stockholdv1.TryRequest{ReservationId: id, Ttl: durationpb.New(time.Hour), Lines: []*stockholdv1.Line{{Sku: sku, Quantity: 1}}})
}

// clean runs the audit, which is the judge: of the gate, too, unless that is away.
func (f *fleet) clean(flags ...string) {
	f.t.Helper()
	p := run(f.t, setup{env: f.env, args: append([]string{"audit"}, flags...)})
	require.Zero(f.t, p.code, "%s\n%s", p.out.String(), p.err.String())
}

// reasonOf is why a call was refused; it fails when the error has no refusal.
func reasonOf(err error) (stockholdv1.Reason, bool) {
	var failed *connect.Error
	if !errors.As(err, &failed) {
		return 0, false
	}
	for _, detail := range failed.Details() {
		if value, err := detail.Value(); err == nil {
			if refusal, ok := value.(*stockholdv1.Refusal); ok {
				return refusal.GetReason(), true
			}
		}
	}
	return 0, false
}

// 200 concurrent Trys for 100 units hold exactly 100, whether one process is
// asked or two; and whoever took the last unit may ask again.
func TestUnitsAreHeldOnceByOneProcessAndByTwo(t *testing.T) {
	for _, servers := range []int{1, 2} {
		t.Run(fmt.Sprintf("%d", servers), func(t *testing.T) {
			f := launchFleet(t, servers)
			f.stock("mug", 100)
			var held, refused atomic.Int64
			var last atomic.Value
			var callers sync.WaitGroup
			for i := range 200 {
				callers.Go(func() {
					id := fmt.Sprintf("order-%d", i)
					_, err := try(t.Context(), f.reservations[i%servers], id, "mug")
					switch reason, _ := reasonOf(err); {
					case err == nil:
						held.Add(1)
						last.Store(id)
					case reason == stockholdv1.Reason_REASON_INSUFFICIENT_STOCK:
						refused.Add(1)
					default:
						t.Errorf("%s: %v", id, err)
					}
				})
			}
			callers.Wait()
			require.Equal(t, [2]int64{100, 100}, [2]int64{held.Load(), refused.Load()})
			require.Equal(t, int64(100), f.row("mug").GetReserved())
			for _, server := range f.reservations {
				again, err := try(t.Context(), server, last.Load().(string), "mug")
				require.NoError(t, err)
				require.True(t, again.GetReplayed())
			}
			f.clean("--strict")
		})
	}
}

// The gate is emptied, stopped and started again in the middle of a load: no Try
// is answered UNAVAILABLE or out of time, what is held is what the ledger could give,
// and the audit is clean during the load and after it.
func TestRedisMayGoAtAnyMoment(t *testing.T) {
	f := launchFleet(t, 2)
	const skus, units, callers = 20, 150, 16
	for i := range skus {
		f.stock(fmt.Sprintf("sku-%d", i), units)
	}
	f.stock("outage", 20)
	var held [skus]atomic.Int64
	var calls atomic.Int64
	stop := make(chan struct{})
	var load sync.WaitGroup
	end := sync.OnceFunc(func() {
		close(stop)
		load.Wait()
	})
	defer end()
	for caller := range callers {
		load.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				sku := (caller + n) % skus
				_, err := try(t.Context(), f.reservations[n%2], fmt.Sprintf("order-%d-%d", caller, n), fmt.Sprintf("sku-%d", sku))
				calls.Add(1)
				switch reason, _ := reasonOf(err); {
				case err == nil:
					held[sku].Add(1)
				case reason != stockholdv1.Reason_REASON_INSUFFICIENT_STOCK:
					t.Errorf("a Try was answered %v", err)
				}
			}
		})
	}
	sold := func() (n int64) {
		for i := range held {
			n += held[i].Load()
		}
		return n
	}
	more := func() { // calls that began after whatever was done before
		before := calls.Load()
		require.Eventually(t, func() bool { return calls.Load() > before+100 }, patience, 5*time.Millisecond)
	}
	more()
	redis := f.redis.Client()
	defer redis.Close()
	require.NoError(t, redis.FlushAll(t.Context()).Err())
	more()
	f.clean("--strict")
	require.NoError(t, f.redis.Stop())
	for i := range 20 {
		_, err := try(t.Context(), f.reservations[i%2], fmt.Sprintf("outage-%d", i), "outage")
		require.NoError(t, err, "units are held while Redis is down")
	}
	more()
	f.clean()
	require.NoError(t, f.redis.Restart(t.Context()))
	more()
	f.clean("--strict")
	require.NoError(t, redis.FlushAll(t.Context()).Err())
	more()
	require.Eventually(t, func() bool { return sold() == skus*units }, patience, 10*time.Millisecond)
	more()
	end()

	for i := range skus {
		require.Equal(t, int64(units), held[i].Load(), "stock that exists is not refused, and none is sold twice")
		require.Equal(t, int64(units), f.row(fmt.Sprintf("sku-%d", i)).GetReserved())
	}
	f.clean("--strict")
}

// Two servers and two commands sweep the same overdue holds at the same time:
// each hold is settled once.
func TestManySweepersSettleOnce(t *testing.T) {
	const holds, batch = 10_000, 500
	f := launchFleet(t, 1, "--no-sweep")
	f.stock("mug", holds)
	for first := 0; first < holds; first += batch {
		request := &stockholdv1.BatchTryRequest{}
		for i := first; i < first+batch; i++ {
			request.Requests = append(request.Requests, &stockholdv1.TryRequest{ReservationId: fmt.Sprintf("order-%d", i),
				Ttl: durationpb.New(time.Second), Lines: []*stockholdv1.Line{{Sku: "mug", Quantity: 1}}})
		}
		answer, err := f.reservations[0].BatchTry(t.Context(), request)
		require.NoError(t, err)
		for _, outcome := range answer.GetOutcomes() {
			require.NotNil(t, outcome.GetSuccess(), "%v", outcome)
		}
	}
	require.Equal(t, int64(holds), f.row("mug").GetReserved())

	var sweeps []*process
	for range 2 {
		launch(t, setup{env: f.env, args: []string{"serve", "--listen", "127.0.0.1:0"}})
		sweeps = append(sweeps, launch(t, setup{env: f.env, args: []string{"sweep", "--once", "--json"}}))
	}
	expired := 0
	for _, p := range sweeps {
		require.Zero(t, p.wait())
		var report struct{ Expired, Failed int }
		require.NoError(t, json.Unmarshal([]byte(p.out.String()), &report))
		require.Zero(t, report.Failed)
		expired += report.Expired
	}
	require.Positive(t, expired)
	require.LessOrEqual(t, expired, holds)
	faults.Eventually(t, func() bool { return f.row("mug").GetReserved() == 0 }, patience, 100*time.Millisecond)
	row := f.row("mug")
	require.Equal(t, [3]int64{holds, 0, holds}, [3]int64{row.GetOnHand(), row.GetCommitted(), row.GetAvailable()})
	seen := 0
	for token := ""; ; {
		page, err := f.reservations[0].ListReservations(t.Context(), &stockholdv1.ListReservationsRequest{
			States: []stockholdv1.State{stockholdv1.State_STATE_EXPIRED}, PageSize: 500, PageToken: token})
		require.NoError(t, err)
		for _, r := range page.GetReservations() {
			require.Equal(t, stockholdv1.ResolvedBy_RESOLVED_BY_POLICY, r.GetResolvedBy())
		}
		seen += len(page.GetReservations())
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	require.Equal(t, holds, seen)
	f.clean("--strict")
}
