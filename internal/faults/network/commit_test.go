//go:build faults

package network_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/internal/faults"
)

// patientSite has one server, which sweeps nothing, so that every COMMIT is a
// call's, and which lets calls wait for as long as a lost COMMIT takes to be
// noticed: the driver's time-out for reading, five seconds.
func patientSite(t *testing.T) (*faults.Site, *faults.Process, *faults.Client) {
	t.Helper()
	site := faults.NewSite(t, faults.SiteOptions{})
	site.Settings["STOCKHOLD_SWEEP"] = "false"
	site.Settings["STOCKHOLD_CALL_TIMEOUT"] = "30s"
	site.Settings["STOCKHOLD_SWEEP_REAP_GRACE"] = "1m"
	server, client := faults.StartServer(t, site)
	return site, server, client
}

// The reply to COMMIT is lost, whatever the batch was about: the caller is
// answered OK, and what it asked for happened once.
func TestCommitReplyLost(t *testing.T) {
	t.Parallel()
	site, server, client := patientSite(t)
	ctx := faults.Within(t, patience)
	confirm := func(id string) error {
		_, err := client.Confirm(ctx, &stockholdv1.ConfirmRequest{ReservationId: id, Owner: faults.Owner})
		return err
	}
	for _, c := range []struct {
		name                        string
		confirmed                   bool // before the call
		call                        func(id string) error
		onHand, reserved, committed int64
	}{
		{"Try", false, func(id string) error {
			_, err := client.Try(ctx, tryOf(faults.Owner, id+"-second", id, time.Hour))
			return err
		}, shelf, 2 * held, 0},
		{"Confirm", false, confirm, shelf, 0, held},
		{"Cancel", false, func(id string) error {
			_, err := client.Cancel(ctx, &stockholdv1.CancelRequest{ReservationId: id, Owner: faults.Owner})
			return err
		}, shelf, 0, 0},
		{"Extend", false, func(id string) error {
			_, err := client.Extend(ctx, &stockholdv1.ExtendRequest{ReservationId: id, Owner: faults.Owner})
			return err
		}, shelf, held, 0},
		{"Fulfill", true, func(id string) error {
			_, err := client.Fulfill(ctx, &stockholdv1.FulfillRequest{ReservationId: id, Owner: faults.Owner})
			return err
		}, shelf - held, 0, 0},
		{"Return", true, func(id string) error {
			_, err := client.Return(ctx, &stockholdv1.ReturnRequest{ReservationId: id, Owner: faults.Owner})
			return err
		}, shelf, 0, 0},
		{"AdjustStock", false, func(id string) error {
			_, err := client.Stock.AdjustStock(ctx, &stockholdv1.AdjustStockRequest{Sku: id, Delta: 5})
			return err
		}, shelf + 5, held, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := "reply-" + c.name
			hold(t, client, id, id, time.Hour)
			if c.confirmed {
				require.NoError(t, confirm(id))
			}
			lost, retried := site.ToMySQL.Lost(), metric(t, server, retriedCommits)
			require.NoError(t, site.ToMySQL.LoseReplies(1, faults.CommitPacket))
			require.NoError(t, c.call(id))
			require.Equal(t, lost+1, site.ToMySQL.Lost())
			// More often on a machine that is so busy that the batch met its own locks.
			require.GreaterOrEqual(t, metric(t, server, retriedCommits), retried+1)
			requireRow(t, client, id, c.onHand, c.reserved, c.committed)
			require.NoError(t, c.call(id), "and once more")
		})
	}
	requireInOrder(t, site)
}

// The reply to COMMIT never comes, and the connection stays open: the driver's
// time-out ends the wait, and the answer is OK and one hold. A caller that does
// not wait so long hears that it may have happened, and its repeat is a replay.
func TestCommitReplyMuted(t *testing.T) {
	t.Parallel()
	site, server, client := patientSite(t)
	require.NoError(t, site.ToMySQL.MuteReplies(1, faults.CommitPacket))
	p := newPatron(t, "muted", time.Second, client) // the first COMMIT is its stock's
	require.Equal(t, 1, site.ToMySQL.Lost())

	require.NoError(t, site.ToMySQL.MuteReplies(1, faults.CommitPacket))
	hasty := p.try(t.Context(), client, "hasty")
	require.Equal(t, stockholdv1.Reason_REASON_DEADLINE_EXCEEDED, faults.Refusal(hasty.err).GetReason(), "%v", hasty.err)
	require.LessOrEqual(t, hasty.took, p.deadline+slack)
	again, err := client.Try(faults.Within(t, recovery), &stockholdv1.TryRequest{ReservationId: "hasty", Owner: faults.Owner,
		Lines: []*stockholdv1.Line{{Sku: p.sku, Quantity: 1}}})
	require.NoError(t, err)
	require.True(t, again.GetReplayed())
	requireRow(t, client, p.sku, 1_000_000, 1, 0)
	faults.Eventually(t, func() bool { return metric(t, server, retriedCommits) >= 2 }, recovery, 50*time.Millisecond)
	requireInOrder(t, site)
}

// COMMIT itself is late: when the server has long given the connection up, it is
// still on its way to MySQL, whose transaction is open and holds its locks. The
// batch that runs again waits for these locks. If MySQL still gets the COMMIT, the
// batch finds what it would have done and answers with it; if the old session is
// ended first, the batch does it. Either way it happens once.
func TestCommitArrivesLate(t *testing.T) {
	t.Parallel()
	site, server, client := patientSite(t)
	require.NoError(t, client.SetStock(t.Context(), "late", shelf))
	db, err := sql.Open("mysql", site.DSN())
	require.NoError(t, err)
	defer db.Close()

	late := func(t *testing.T, id string) (replayed <-chan bool) {
		t.Helper()
		require.NoError(t, site.ToMySQL.HoldRequests(1, faults.CommitPacket))
		answered := make(chan bool, 1)
		ctx := faults.Within(t, patience)
		go func() {
			defer close(answered)
			if answer, err := client.Try(ctx, tryOf(faults.Owner, id, "late", time.Hour)); err == nil {
				answered <- answer.GetReplayed()
			} else {
				t.Errorf("Try %s: %v", id, err)
			}
		}()
		require.Eventually(t, func() bool { return site.ToMySQL.Held() > 0 }, recovery, time.Millisecond)
		return answered
	}

	t.Run("while the batch waits for its locks", func(t *testing.T) {
		// The session cannot be looked for, and so is not ended.
		require.NoError(t, site.ToMySQL.HoldRequests(1, []byte("information_schema.processlist")))
		answered := late(t, "late-commit")
		awaitLockWait(t, db)
		require.NoError(t, site.ToMySQL.Heal())
		require.True(t, <-answered, "the late COMMIT did it")
		requireStock(t, client, "late", held, 0)
	})
	t.Run("after its session was ended", func(t *testing.T) {
		answered := late(t, "ended-session")
		require.False(t, <-answered, "the batch did it when it ran again")
		require.Equal(t, 1, site.ToMySQL.Held(), "the COMMIT is still on its way")
		require.NoError(t, site.ToMySQL.Heal())
		requireStock(t, client, "late", 2*held, 0)
	})
	require.GreaterOrEqual(t, metric(t, server, retriedCommits), 2.)
	requireInOrder(t, site)
	requireStock(t, client, "late", 2*held, 0)
}

// innodbLooks is how often MySQL can be asked about its transactions: what it says
// is a copy, made anew only when nobody has looked for a tenth of a second.
const innodbLooks = 200 * time.Millisecond

// awaitLockWait waits until a transaction waits for another one's locks.
func awaitLockWait(t *testing.T, db *sql.DB) {
	t.Helper()
	require.Eventually(t, func() bool {
		var waiting int
		err := db.QueryRowContext(context.Background(),
			"SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'").Scan(&waiting)
		return err == nil && waiting > 0
	}, recovery, innodbLooks, "no transaction waits for a lock")
}

// requireInOrder sees ledger and gate in order after a pass of a sweeper: a batch
// that found its work done had no views to send, so that the gate may be behind,
// which no call depends on.
func requireInOrder(t *testing.T, site *faults.Site) {
	t.Helper()
	_, err := site.Run(t.Context(), "sweep", "--once")
	require.NoError(t, err)
	require.NoError(t, site.Audit(t.Context()))
	requireNothingPending(t, site)
}
