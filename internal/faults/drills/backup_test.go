//go:build faults

package drills_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
	"stockhold/internal/testservers"
)

// owner of the orders whose ledger is lost; nobody decides for it, so that nothing
// moves by itself.
const owner = "orders"

// goods are the units of each sku that is sold while the ledger is copied.
const goods = 2000

// journal is what an order service knows: what it was answered, by order.
type journal struct {
	mu     sync.Mutex
	states map[string]stockholdv1.State
	since  atomic.Bool // the copy has begun
	late   []string    // confirmed since, as the document's file of orders
}

// order holds a unit, and mostly confirms it, as the last figure of its id says.
func (j *journal) order(t *testing.T, client *faults.Client, id string) {
	sku := "mug"
	if strings.HasSuffix(id, "0") {
		sku = "spoon"
	}
	_, err := client.Try(t.Context(), &stockholdv1.TryRequest{ReservationId: id, Owner: owner, Lines: []*stockholdv1.Line{{Sku: sku, Quantity: 1}}})
	if err != nil {
		t.Errorf("try %s: %v", id, err)
		return
	}
	state := stockholdv1.State_STATE_RESERVED
	if !strings.HasSuffix(id, "5") {
		if _, err = client.Confirm(t.Context(), &stockholdv1.ConfirmRequest{ReservationId: id, Owner: owner}); err != nil {
			t.Errorf("confirm %s: %v", id, err)
			return
		}
		state = stockholdv1.State_STATE_CONFIRMED
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.states[id] = state
	if j.since.Load() && state == stockholdv1.State_STATE_CONFIRMED {
		j.late = append(j.late, id+","+sku+",1\n")
	}
}

// The ledger is copied under load and then lost. It is restored into an empty
// server, from the copy alone or with the binary log, while Redis still has what was
// true before; the gate is rebuilt; nothing is oversold.
func TestBackupAndRestore(t *testing.T) {
	d := newDrill(t, faults.SiteOptions{MariaDB: testservers.MariaDBOptions{Durability: testservers.Durable}})
	server, client := d.usual()
	for _, sku := range []string{"mug", "spoon"} {
		require.NoError(t, client.SetStock(t.Context(), sku, goods))
	}
	known := &journal{states: map[string]stockholdv1.State{}}
	known.copyUnderLoad(d, client)
	for n := range 40 {
		known.order(t, client, fmt.Sprintf("late-%d", n))
	}
	require.NoError(t, client.SetStock(t.Context(), "plate", 10)) // a row that the copy does not have
	d.do("binlog")                                                // as it is archived all the time
	require.NoError(t, server.Stop(faults.Within(t, patience)))
	require.NoError(t, d.site.DB.Kill())

	t.Run("from the copy alone", func(t *testing.T) {
		d, client := d.restored(t)
		lost := known.lost(t, client)
		require.NotEmpty(t, lost, "what was answered after the copy")
		for _, id := range lost {
			require.Contains(t, id, "late-")
		}
		require.NoError(t, os.WriteFile(filepath.Join(d.folder, "orders.csv"), []byte(strings.Join(known.late, "")), 0o600))
		require.Empty(t, d.do("repeat"))
		for id, state := range known.states {
			if state == stockholdv1.State_STATE_CONFIRMED {
				require.Equal(t, state, stateOf(t, client, id), id)
			}
		}
		sellOut(d, client)
	})
	t.Run("with the binary log", func(t *testing.T) {
		d, client := d.restored(t, "replay")
		require.Empty(t, known.lost(t, client))
		for id, state := range known.states {
			require.Equal(t, state, stateOf(t, client, id), id)
		}
		sellOut(d, client)
	})
}

// copyUnderLoad makes the copy while orders come, before and after it too.
func (j *journal) copyUnderLoad(d *drill, client *faults.Client) {
	var taken atomic.Int64
	var closed atomic.Bool
	var callers sync.WaitGroup
	for caller := range 4 {
		callers.Go(func() {
			// Bounded, so that no shelf is empty before its time.
			for n := 0; !closed.Load() && n < goods/8; n++ {
				j.order(d.T, client, fmt.Sprintf("early-%d-%d", caller, n))
				taken.Add(1)
				time.Sleep(5 * time.Millisecond) // a shop, not a load test
			}
		})
	}
	require.Eventually(d, func() bool { return taken.Load() > 40 }, patience, tick)
	j.since.Store(true)
	d.do("backup")
	closed.Store(true)
	callers.Wait()
}

// restored is a site on an empty server that the copy, and what else steps bring,
// was restored into, and a server on it that has the same Redis as ever.
func (d *drill) restored(t *testing.T, more ...string) (*drill, *faults.Client) {
	t.Helper()
	fresh := testservers.NewMariaDB(t, testservers.MariaDBOptions{})
	after := &drill{T: t, site: d.site, steps: d.steps, folder: d.folder, env: map[string]string{}}
	after.credentials("new.cnf", fresh)
	after.env["STOCKHOLD_MYSQL_DSN"] = fresh.DSN("stockhold")
	after.do("restore")
	for _, step := range more {
		require.Equal(t, "replay", step)
		after.do("replay")
	}
	after.do("restore-look")
	_, client := after.start(d.site.Program, faults.Setup{Env: after.environment()})
	after.do("rebuild")
	after.do("over")
	return after, client
}

func stateOf(t *testing.T, client *faults.Client, id string) stockholdv1.State {
	t.Helper()
	answer, err := client.GetReservation(t.Context(), &stockholdv1.GetReservationRequest{ReservationId: id, Owner: owner})
	if faults.Refusal(err).GetReason() == stockholdv1.Reason_REASON_NOT_FOUND {
		return stockholdv1.State_STATE_UNSPECIFIED
	}
	require.NoError(t, err)
	return answer.GetReservation().GetState()
}

// lost are the orders that were answered and are not there any more. One that was
// confirmed after the copy saw it held is there, and held.
func (j *journal) lost(t *testing.T, client *faults.Client) (ids []string) {
	t.Helper()
	for id := range j.states {
		if stateOf(t, client, id) == stockholdv1.State_STATE_UNSPECIFIED && !strings.HasPrefix(id, "early-") {
			ids = append(ids, id)
		}
	}
	return ids
}

// sellOut takes a shelf's last unit, and sees that there is not one more: what the
// ledger knows and what Redis knew come to the same.
func sellOut(d *drill, client *faults.Client) {
	d.Helper()
	for _, sku := range []string{"mug", "spoon"} {
		answer, err := client.Stock.GetStock(d.Context(), &stockholdv1.GetStockRequest{Sku: sku})
		require.NoError(d, err)
		left := answer.GetStock().GetAvailable()
		require.Positive(d, left)
		take := func(id string, units int64) error {
			_, err := client.Try(d.Context(), &stockholdv1.TryRequest{ReservationId: id, Owner: owner,
				Lines: []*stockholdv1.Line{{Sku: sku, Quantity: int32(units)}}})
			return err
		}
		refusal := faults.Refusal(take("over-"+sku, left+1))
		require.Equal(d, stockholdv1.Reason_REASON_INSUFFICIENT_STOCK, refusal.GetReason())
		require.NoError(d, take("all-"+sku, left))
		refusal = faults.Refusal(take("more-"+sku, 1))
		require.Equal(d, stockholdv1.Reason_REASON_INSUFFICIENT_STOCK, refusal.GetReason())
	}
	d.do("over")
}
