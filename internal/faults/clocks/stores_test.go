//go:build faults

package clocks_test

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
	"stockhold/internal/testservers"
)

// databaseTime is what time it is by MariaDB's clock, the only one that counts.
func databaseTime(t *testing.T, site *faults.Site) (now time.Time) {
	t.Helper()
	db, err := sql.Open("mysql", site.DSN()+"?parseTime=true")
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT UTC_TIMESTAMP(6)").Scan(&now))
	return now
}

// requireLife says that a reservation lives from a moment between two of the
// database's for as long as its ttl.
func requireLife(t *testing.T, r *stockholdv1.Reservation, from, to time.Time, ttl time.Duration) {
	t.Helper()
	created := r.GetCreatedAt().AsTime()
	require.False(t, created.Before(from) || created.After(to), "made at %s, between %s and %s", created, from, to)
	require.Equal(t, ttl, r.GetExpiresAt().AsTime().Sub(created))
}

// requireNotAfter says that a server judges not_after by the database's clock.
func requireNotAfter(t *testing.T, site *faults.Site, client *faults.Client, sku string) {
	t.Helper()
	now := databaseTime(t, site)
	late := request(sku+"-late", sku, time.Hour, release)
	late.NotAfter = timestamppb.New(now.Add(-time.Second))
	_, err := client.Try(t.Context(), late)
	require.Equal(t, stockholdv1.Reason_REASON_TOO_LATE, faults.Refusal(err).GetReason(), "%v", err)
	timely := request(sku+"-timely", sku, time.Hour, release)
	timely.NotAfter = timestamppb.New(now.Add(5 * time.Minute))
	_, err = client.Try(t.Context(), timely)
	require.NoError(t, err)
}

// Redis's clock jumps by an hour, back and forth, under load. It says only how
// long something is pending in the gate: what is reaped too early costs a round
// trip. Nothing is refused or oversold, no hold expires, and no deadline moves.
func TestRedisClockJumps(t *testing.T) {
	site := faults.NewSite(t, faults.SiteOptions{Redis: testservers.RedisOptions{FakeClock: true}})
	site.Patient()
	first, client := faults.StartServer(t, site)
	_, other := faults.StartServer(t, site)
	require.NoError(t, client.SetStock(t.Context(), "kept", 10))
	kept := hold(t, client, 5, "kept", 15*time.Minute, release)
	before := snapshot(t, client, kept)
	shop := faults.NewShop(faults.ShopOptions{Seed: 51, Attempt: 30 * time.Second})
	site.Desk.Ask(shop.Answer)
	require.NoError(t, shop.Stock(t.Context(), client))
	shop.Use(client, other)
	ctx, closed := context.WithCancel(t.Context())
	var selling sync.WaitGroup
	selling.Go(func() { shop.Run(ctx) })
	defer selling.Wait()
	defer closed()
	frozen := `stockhold_gate_freezes_total{outcome="frozen"}`
	for _, offset := range []time.Duration{time.Hour, -time.Hour, 30 * 24 * time.Hour, 0} {
		require.NoError(t, site.Redis.SetClock(offset))
		sells(t, shop, 150)
	}
	more(t, first, frozen, 10)
	closed()
	selling.Wait()

	require.Equal(t, before, snapshot(t, other, kept))
	for _, id := range kept { // a site at rest holds nothing
		cancelHold(t, client, id)
	}
	verdict, _, err := site.Judge(t.Context(), client, shop)
	require.NoError(t, err)
	require.Zero(t, verdict.Lost+int(verdict.Oversold))
	counts := shop.Tally.Counts()
	require.Empty(t, counts.NoAnswer)
	require.Len(t, counts.Refusals, 1, "for stock, and for nothing else: %v", counts.Refusals)
}

// Redis's clock is set back by an hour after a process died with a hold in the
// gate. The hold is dated in the future by then, and reaped within the grace all
// the same.
func TestRedisClockIsSetBack(t *testing.T) {
	site := faults.NewSite(t, faults.SiteOptions{Redis: testservers.RedisOptions{FakeClock: true}})
	require.NoError(t, site.Redis.SetClock(time.Hour))
	first, client := faults.StartServer(t, site)
	require.NoError(t, client.SetStock(t.Context(), "stranded", 10))
	require.NoError(t, first.Arm("try.frozen", "kill"))
	_, err := client.Try(t.Context(), request("stranded", "stranded", time.Hour, release))
	require.Error(t, err)
	gate := site.Redis.Client()
	defer gate.Close()
	pending := func() int64 { return gate.ZCard(t.Context(), "{stockhold} pending").Val() }
	require.EqualValues(t, 1, pending())

	require.NoError(t, site.Redis.SetClock(0))
	_, other := faults.StartServer(t, site)
	hold(t, other, 10, "stranded", time.Hour, release) // the gate alone would leave nine
	require.Eventually(t, func() bool { return pending() == 0 }, patience, tick)
	clean(t, site)
}

// MariaDB's clock jumps. What is due is its word alone: an hour forward, and holds
// of a quarter of an hour are due; an hour back, and holds of two seconds are not.
// The deadlines themselves, as they were written, never move.
func TestMariaDBClockJumps(t *testing.T) {
	site := faults.NewSite(t, faults.SiteOptions{MariaDB: testservers.MariaDBOptions{FakeClock: true}})
	process, client := faults.StartServer(t, site)
	require.NoError(t, client.SetStock(t.Context(), "quarter", 10))
	require.NoError(t, client.SetStock(t.Context(), "brief", 10))
	passes := `stockhold_sweeper_results_total{result="passes"}`

	brief := hold(t, client, 3, "brief", 2*time.Second, release)
	before := snapshot(t, client, brief)
	require.NoError(t, site.DB.SetClock(-time.Hour))
	deadline := get(t, client, brief[0]).GetExpiresAt().AsTime()
	require.Eventually(t, func() bool { return time.Now().After(deadline) }, patience, tick)
	more(t, process, passes, 5)
	require.Equal(t, before, snapshot(t, client, brief), "not due by the database's clock")
	require.NoError(t, site.DB.SetClock(0))
	become(t, client, expired, brief)
	require.Equal(t, deadline, get(t, client, brief[0]).GetExpiresAt().AsTime())

	quarter := hold(t, client, 3, "quarter", 15*time.Minute, release)
	deadline = get(t, client, quarter[0]).GetExpiresAt().AsTime()
	require.NoError(t, site.DB.SetClock(time.Hour))
	become(t, client, expired, quarter)
	require.Equal(t, deadline, get(t, client, quarter[0]).GetExpiresAt().AsTime())
	require.Equal(t, [3]int64{10, 0, 0}, stock(t, client, "quarter"))
	clean(t, site)
}
