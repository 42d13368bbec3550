package audit

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/inventory"
	"stockhold/reservation"
)

// The ledger is judged as it was at one moment: what is committed during the
// walks, to tables that were read and to tables that were not, belongs to neither
// side.
func TestWritesDuringTheWalks(t *testing.T) {
	onEachWorld(t, func(t *testing.T, w *world) {
		w.shop(t)
		service, _ := w.serve(t)
		acted := 0
		act := func(step string, _ int64) {
			if acted++; acted > 8 {
				return
			}
			id := "during-" + string(rune('a'+acted))
			try(t, service, id, line("default", "A", 1), line("west", "Z", 2), line("west", "HOT", 1))
			do(t, service, reservation.Confirm, id)
			setStock(t, service, key("moon", id), 1)
		}
		report, err := Run(t.Context(), Deps{Ledger: w.store}, Options{Page: 3, Progress: act})
		require.NoError(t, err)
		require.Greater(t, acted, 8)
		requireFound(t, report)
		require.Equal(t, shopExamined, report.Ledger)

		requireFound(t, w.audit(t, Options{}))
	})
}

func TestWithoutAGate(t *testing.T) {
	w := embeddedWorld(t)
	w.shop(t)
	report, err := Run(t.Context(), Deps{Ledger: w.store}, Options{})
	require.NoError(t, err)
	require.Equal(t, shopExamined, report.Ledger)
	require.Equal(t, GateExamined{Reason: "it is inside the server's process, and only the server can see it"}, report.Gate)
	require.NoError(t, report.Err(true), "nobody can be blamed for a gate that cannot be seen")
}

// A Redis that is not there keeps nobody from judging the ledger.
func TestGateAway(t *testing.T) {
	w := embeddedWorld(t)
	w.shop(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	gate, err := inventory.Open("redis://"+listener.Addr().String(), inventory.Options{})
	require.NoError(t, err)
	defer gate.Close()
	report, err := Run(t.Context(), Deps{Ledger: w.store, Gate: gate}, Options{})
	require.NoError(t, err)
	require.True(t, report.Complete)
	require.Equal(t, shopExamined, report.Ledger)
	require.True(t, report.Gate.Unreadable)
	require.Contains(t, report.Gate.Reason, "the gate is away")
	require.NoError(t, report.Err(false))
	require.Error(t, report.Err(true))
}

// A ledger that cannot be read to its end is an error, never a clean report.
func TestLedgerLost(t *testing.T) {
	w := serverWorld(t)
	w.shop(t)
	killed := false
	kill := func(string, int64) {
		if killed {
			return
		}
		killed = true
		var session int64
		require.NoError(t, w.raw.QueryRowContext(t.Context(),
			"SELECT trx_mysql_thread_id FROM information_schema.innodb_trx JOIN information_schema.processlist ON id = trx_mysql_thread_id WHERE db = DATABASE() AND id <> CONNECTION_ID()").Scan(&session))
		_, err := w.raw.ExecContext(t.Context(), "KILL ?", session)
		require.NoError(t, err)
	}
	report, err := Run(t.Context(), Deps{Ledger: w.store, Gate: w.gate}, Options{Page: 3, Progress: kill})
	require.ErrorIs(t, err, reservation.ErrAway)
	require.ErrorContains(t, err, w.store.Where())
	require.False(t, report.Complete)
	require.Error(t, report.Err(false))
	require.False(t, report.Gate.Judged)

	requireFound(t, w.audit(t, Options{})) // on another connection
}

func TestLedgerAway(t *testing.T) {
	w := embeddedWorld(t)
	_, err := w.raw.ExecContext(t.Context(), "DROP TABLE stocks")
	require.NoError(t, err)
	report, err := Run(t.Context(), Deps{Ledger: w.store, Gate: w.gate}, Options{})
	require.ErrorContains(t, err, "no such table")
	require.Error(t, report.Err(false))
}

// An audit waits for nobody's lock and nobody for its: it reads beside a
// transaction that has every row locked.
func TestReadsBesideLocks(t *testing.T) {
	w := serverWorld(t)
	w.shop(t)
	tx, err := w.raw.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback()) }()
	for _, table := range []string{"stocks", "reservations", "reservation_lines"} {
		_, err = tx.ExecContext(t.Context(), "SELECT COUNT(*) FROM "+table+" FOR UPDATE")
		require.NoError(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	report, err := Run(ctx, Deps{Ledger: w.store, Gate: w.gate}, Options{})
	require.NoError(t, err)
	requireFound(t, report)
}
