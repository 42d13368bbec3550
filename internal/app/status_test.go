package app

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/store"
	"stockhold/internal/testservers"
)

// A database that answers and refuses to be written is told from one that does not answer.
func TestStateOfTheLedger(t *testing.T) {
	server := testservers.NewMariaDB(t, testservers.MariaDBOptions{BufferPoolMiB: 16})
	ledger, err := store.OpenMySQL(testservers.DatabaseOn(t, server), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ledger.Close()) })
	require.Equal(t, ledgerOK, stateOf(t.Context(), ledger))
	require.NoError(t, server.SetReadOnly(t.Context(), true))
	require.Equal(t, ledgerReadOnly, stateOf(t.Context(), ledger))
	require.NoError(t, server.SetReadOnly(t.Context(), false))
	require.Equal(t, ledgerOK, stateOf(t.Context(), ledger))

	away, err := store.OpenMySQL("stock@tcp(127.0.0.1:1)/stock", store.Options{})
	require.NoError(t, err)
	require.Equal(t, ledgerAway, stateOf(t.Context(), away))
	require.NoError(t, away.Close())
}

// What is watched stops being watched with the process's parts, and can be again.
func TestWatchingEnds(t *testing.T) {
	ledger, err := store.OpenSQLite(t.TempDir()+"/ledger.db", store.Options{})
	require.NoError(t, err)
	for range 2 {
		parts := newLifecycle()
		require.NoError(t, watchStores(parts, ledger, nil, slog.New(slog.DiscardHandler)))
		require.NoError(t, parts.stop(t.Context()))
	}
	require.NoError(t, ledger.Close())
}
