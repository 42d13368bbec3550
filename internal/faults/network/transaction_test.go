//go:build faults

package network_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the test looks at MySQL itself
	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
)

// The connection between a server and MySQL dies in the middle of a transaction
// that has a hot row locked, and neither side hears of it. Another server goes on
// selling everything else at once, and the hot row as soon as MySQL ends the
// session, within its wait_timeout of ten seconds and not of eight hours. The call
// whose transaction it was is answered by its deadline, and its repeat succeeds.
func TestConnectionDiesInATransaction(t *testing.T) {
	t.Parallel()
	site := faults.NewSite(t, faults.SiteOptions{})
	_, client := faults.StartServer(t, site)
	doomed := proxyTo(t, site.DB.Addr())
	site.Settings["STOCKHOLD_MYSQL_DSN"] = fmt.Sprintf("root@tcp(%s)/stockhold", doomed.Addr())
	cutOff, cutOffClient := faults.StartServer(t, site)
	for _, sku := range []string{"hot", "other"} {
		require.NoError(t, client.SetStock(t.Context(), sku, 1_000_000))
	}

	require.NoError(t, cutOff.Arm("try.sent", "stop"))
	t.Cleanup(func() { _ = cutOff.Resume() })
	const deadline = 3 * time.Second
	type result struct {
		took time.Duration
		err  error
	}
	answered := make(chan result, 1)
	try := func(client *faults.Client, id, sku string) result {
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		began := time.Now()
		_, err := client.Try(ctx, tryOf(faults.Owner, id, sku, time.Hour))
		return result{time.Since(began), err}
	}
	go func() { answered <- try(cutOffClient, "cut-off", "hot") }()
	require.NoError(t, cutOff.Reached(t.Context()))
	require.NoError(t, doomed.BlackHole())
	require.NoError(t, cutOff.Resume())
	began := time.Now()

	hot := make(chan time.Duration, 1) // how long the hot row was out of reach
	go func() {
		defer close(hot)
		for t.Context().Err() == nil && time.Since(began) < patience {
			r := try(client, "waiting", "hot")
			if r.err == nil {
				hot <- time.Since(began)
				return
			}
			switch faults.Refusal(r.err).GetReason() {
			case stockholdv1.Reason_REASON_UNSPECIFIED: // our own deadline was a little sooner than the server's
			case stockholdv1.Reason_REASON_UNAVAILABLE, stockholdv1.Reason_REASON_DEADLINE_EXCEEDED, stockholdv1.Reason_REASON_OVERLOADED:
			default:
				t.Errorf("a Try of the hot row was answered %v", r.err)
			}
			if r.took > deadline+slack {
				t.Errorf("a Try of the hot row took %s", r.took)
			}
		}
	}()
	others := 0
	for i := 0; ; i++ {
		r := try(client, fmt.Sprintf("other-%d", i), "other")
		require.LessOrEqual(t, r.took, deadline+slack)
		if r.err == nil {
			others++
		}
		select {
		case stuck, ok := <-hot:
			require.True(t, ok, "the hot row stays out of reach")
			t.Logf("the hot row was out of reach for %s; %d of %d other holds succeeded meanwhile", stuck, others, i+1)
			require.GreaterOrEqual(t, others, fewOrders, "a locked row stopped the others")
		case <-time.After(20 * time.Millisecond):
			continue
		}
		break
	}
	r := <-answered
	require.Error(t, r.err)
	require.LessOrEqual(t, r.took, deadline+slack)

	require.NoError(t, doomed.Heal())
	require.Eventually(t, func() bool { return try(cutOffClient, "cut-off", "hot").err == nil }, recovery, 100*time.Millisecond)
	requireOpenTransactions(t, site, 0)
	requireRow(t, client, "hot", 1_000_000, 2*held, 0)
	for _, id := range []string{"cut-off", "waiting"} {
		_, err := client.Cancel(t.Context(), &stockholdv1.CancelRequest{ReservationId: id, Owner: faults.Owner})
		require.NoError(t, err)
	}
	require.NoError(t, site.Audit(t.Context()))
	requireNothingPending(t, site)
}

// requireOpenTransactions waits until so many transactions are open in MySQL.
func requireOpenTransactions(t *testing.T, site *faults.Site, want int) {
	t.Helper()
	db, err := sql.Open("mysql", site.DSN())
	require.NoError(t, err)
	defer db.Close()
	require.Eventually(t, func() bool {
		got := -1
		err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_rows_locked > 0").Scan(&got)
		return err == nil && got == want
	}, recovery, innodbLooks)
}
