//go:build faults

package stores_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	_ "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
)

// What callers may hear while the ledger is away. Whose COMMIT got no reply is kept
// until it is known what became of it, or until its deadline.
const (
	unavailable = stockholdv1.Reason_REASON_UNAVAILABLE
	outOfTime   = stockholdv1.Reason_REASON_DEADLINE_EXCEEDED
)

// ledgerIsAway waits until the shop has been told so, and checks what a caller
// hears on either server: UNAVAILABLE, and when to come back. Neither is ready.
func (s *scene) ledgerIsAway(id string) {
	s.Helper()
	s.refusedFor(unavailable, 20)
	for i, client := range s.clients {
		var err error
		require.Eventually(s, func() bool {
			_, err = client.Try(s.Context(), tryOf(fmt.Sprintf("%s-%d", id, i), "order-ample-0"))
			return faults.Refusal(err).GetReason() == unavailable
		}, patience, tick, "the last answer was %v", err)
		require.Equal(s, connect.CodeUnavailable, connect.CodeOf(err))
		require.Positive(s, faults.Refusal(err).GetRetryAfter().AsDuration())
		require.Error(s, s.servers[i].Ready(s.Context()))
	}
}

// refusedFor waits until so many more calls were refused for a reason.
func (s *scene) refusedFor(reason stockholdv1.Reason, calls int64) {
	s.Helper()
	count := func() int64 { return s.shop.Tally.Counts().Refusals[reason.String()] }
	until := count() + calls
	require.Eventually(s, func() bool { return count() >= until }, patience, tick, "calls refused as %s", reason)
}

// ready waits until both servers are.
func (s *scene) ready() {
	s.Helper()
	for _, server := range s.servers {
		require.Eventually(s, func() bool { return server.Ready(s.Context()) == nil }, patience, tick)
	}
}

// tryOf is a Try of one unit that is given back soon if it should succeed.
func tryOf(id, sku string) *stockholdv1.TryRequest {
	return &stockholdv1.TryRequest{ReservationId: id, Owner: faults.Owner, Lines: []*stockholdv1.Line{{Sku: sku, Quantity: 1}},
		Ttl: durationpb.New(time.Second), OnExpiry: stockholdv1.OnExpiry_ON_EXPIRY_RELEASE}
}

// MariaDB is killed under load and recovers. Meanwhile callers hear UNAVAILABLE
// and what they had frozen is given back; afterwards the same processes work on,
// and nothing that was answered is lost.
func TestMariaDBIsKilledAndRecovers(t *testing.T) {
	s := newScene(t, newSite(t, faults.SiteOptions{}), faults.ShopOptions{Seed: 31})
	gate := redisOf(t, s.site.Redis)
	s.during(func() {
		require.NoError(t, s.site.DB.Kill())
		s.ledgerIsAway("away")
		require.Eventually(t, func() bool { return gate.ZCard(t.Context(), pendingKey).Val() == 0 }, patience, time.Millisecond,
			"what was frozen is given back while the ledger is away")
		require.NoError(t, s.site.DB.Restart(t.Context()))
		s.ready()
	})
	s.refusedOnly(unavailable, outOfTime)
	s.judge()
}

// MariaDB turns read-only, as a primary does that was failed over from, and its
// connections stay open. Callers hear UNAVAILABLE, the servers are not ready, and
// leave the connections, so that they find the new primary where the address
// leads by then. Here the same server is the new primary.
func TestMariaDBTurnsReadOnly(t *testing.T) {
	site := newSite(t, faults.SiteOptions{})
	// Root is above read_only.
	ordinary := strings.Replace(site.DB.UserDSN("stockhold"), site.DB.Addr(), site.ToMySQL.Addr(), 1)
	site.Settings["STOCKHOLD_MYSQL_DSN"] = ordinary
	s := newScene(t, site, faults.ShopOptions{Seed: 32})
	db := openDB(t, site)
	s.during(func() {
		require.NoError(t, site.DB.SetReadOnly(t.Context(), true))
		var newest int64
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT MAX(id) FROM information_schema.processlist WHERE user = 'stockhold'").Scan(&newest))
		s.ledgerIsAway("read-only")
		for _, server := range s.servers {
			require.ErrorContains(t, server.Ready(t.Context()), "read-only")
		}
		require.Eventually(t, func() bool {
			var old int
			err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'stockhold' AND id <= ?", newest).Scan(&old)
			return err == nil && old == 0
		}, patience, tick, "the connections to the server that turned read-only are left")
		require.NoError(t, site.DB.SetReadOnly(t.Context(), false))
		s.ready()
	})
	s.refusedOnly(unavailable, outOfTime)
	s.judge()
}

func openDB(t *testing.T, site *faults.Site) *sql.DB {
	db, err := sql.Open("mysql", site.DSN())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// A stranger holds stock rows locked for longer than innodb_lock_wait_timeout
// (1205). Calls for those goods are told UNAVAILABLE, or run out of time; a shop that
// sells other goods goes on.
func TestAStrangerHoldsRowsLocked(t *testing.T) {
	site := newSite(t, faults.SiteOptions{})
	// The defaults: a transaction has time for two waits of 2 s, one for whoever waits
	// for the stranger and one for the stranger. Its calls wait as long, and for their
	// turn, but not behind many others.
	site.Settings["STOCKHOLD_LEDGER_BATCH_TIMEOUT"], site.Settings["STOCKHOLD_CALL_TIMEOUT"] = "5s", "10s"
	site.Settings["STOCKHOLD_SWEEP_REAP_GRACE"] = "30s"
	site.Settings["STOCKHOLD_LEDGER_QUEUE_WAIT"] = "1s"
	s := newScene(t, site, faults.ShopOptions{Seed: 33, Patience: time.Minute})
	others := faults.NewShop(faults.ShopOptions{Name: "other", Seed: 34, Attempt: 30 * time.Second})
	require.NoError(t, others.Stock(t.Context(), s.clients[0]))
	others.Use(s.clients...)
	site.Desk.Ask(func(ctx context.Context, q *stockholdv1.Question) *stockholdv1.Decision {
		if strings.HasPrefix(q.GetReservationId(), "other") {
			return others.Answer(ctx, q)
		}
		return s.shop.Answer(ctx, q)
	})
	open(t, others, func() {
		s.during(func() {
			release, err := site.DB.HoldRows(t.Context(), site.DSN(), "SELECT 1 FROM stocks WHERE sku IN ('order-ample-0', 'order-scarce-1') FOR UPDATE")
			require.NoError(t, err)
			defer release()
			s.refusedFor(unavailable, 10)
			goesOn(t, others, 2*some)
		})
	})
	trouble := []stockholdv1.Reason{unavailable, outOfTime, stockholdv1.Reason_REASON_OVERLOADED}
	s.refusedOnly(trouble...)
	// Hardly ever one of the others meets a reservation that a waiting batch has
	// locked, as the repeat of a call in that batch does; it is told to come back.
	refusedOnly(t, others, trouble...)
	counts, troubled := others.Tally.Counts(), int64(0)
	for _, reason := range trouble {
		troubled += counts.Refusals[reason.String()]
	}
	require.Less(t, 10*troubled, others.Tally.Heard(), "less than one in ten, on a busy machine too: %+v", counts)
	s.judge()
	judge(t, site, s.clients[1], others)
}

// A stranger locks the same rows in the reverse order, again and again, and has
// written so much that InnoDB takes the ledger's transactions for the victims of
// every deadlock (1213). Batches are rolled back whole and run again; no caller
// hears of it.
func TestAStrangerForcesDeadlocks(t *testing.T) {
	s := newScene(t, newSite(t, faults.SiteOptions{}), faults.ShopOptions{Seed: 35})
	db := openDB(t, s.site)
	_, err := db.ExecContext(t.Context(), "CREATE TABLE stranger (n BIGINT PRIMARY KEY AUTO_INCREMENT, v INT NOT NULL)")
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "INSERT INTO stranger (v) VALUES (0)"+strings.Repeat(",(0)", 999))
	require.NoError(t, err)
	retried := func() (n float64) {
		for i := range s.servers {
			n += s.metric(i, `stockhold_ledger_retries_total{cause="conflict"}`)
		}
		return n
	}
	s.during(func() {
		before := retried()
		leave := strangerAtWork(t, db)
		faults.Eventually(t, func() bool { return retried() >= before+30 }, patience, tick, "batches run again")
		s.sells(some)
		leave()
	})
	s.refusedOnly()
	_, err = db.ExecContext(t.Context(), "DROP TABLE stranger") // the schema is stockhold's alone
	require.NoError(t, err)
	s.judge()
}

// Strangers take all the connections that MariaDB has, and ours are cut: nobody
// gets in (1040). Callers hear UNAVAILABLE until the strangers leave.
func TestConnectionsAreExhausted(t *testing.T) {
	site := newSite(t, faults.SiteOptions{})
	site.Settings["STOCKHOLD_MYSQL_DSN"] = strings.Replace(site.DB.UserDSN("stockhold"), site.DB.Addr(), site.ToMySQL.Addr(), 1)
	s := newScene(t, site, faults.ShopOptions{Seed: 36})
	s.during(func() {
		require.NoError(t, site.DB.SetMaxConnections(t.Context(), 10))
		here, leave := crowd(t, site)
		faults.Eventually(t, func() bool {
			if here() == 10 {
				return true
			}
			require.NoError(t, site.ToMySQL.Cut()) // who of us got in goes to the back of the queue
			return false
		}, patience, tick)
		s.ledgerIsAway("crowd")
		leave()
		s.ready()
		s.sells(some) // with fewer connections than the pools would like
		require.NoError(t, site.DB.SetMaxConnections(t.Context(), 150))
	})
	s.refusedOnly(unavailable, outOfTime)
	s.judge()
}

// batchesBroken is how many batches lost their connection so far, before their
// COMMIT or with it.
func (s *scene) batchesBroken() (n float64) {
	for i := range s.servers {
		for _, cause := range []string{"away", "commit_unknown"} {
			n += s.metric(i, `stockhold_ledger_retries_total{cause="`+cause+`"}`)
		}
	}
	return n
}

// All sessions are killed, again and again for some seconds: between statements,
// inside transactions, and while a COMMIT is under way. Whose COMMIT got no reply
// is run again, and what had happened becomes a replay.
func TestConnectionsAreKilled(t *testing.T) {
	s := newScene(t, newSite(t, faults.SiteOptions{}), faults.ShopOptions{Seed: 37})
	s.during(func() {
		const enough = 10
		until, felt := time.Now().Add(4*time.Second), s.batchesBroken()
		faults.Eventually(t, func() bool {
			require.NoError(t, s.site.DB.KillConnections(t.Context()))
			return time.Now().After(until) && s.batchesBroken() >= felt+enough
		}, patience, 50*time.Millisecond, "batches are to lose their connections")
		s.ready()
	})
	s.refusedOnly(unavailable, outOfTime)
	s.judge()
}
