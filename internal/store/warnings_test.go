package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

func TestWeakDurabilityIsWarnedOf(t *testing.T) {
	durable := testservers.NewMariaDB(t, testservers.MariaDBOptions{Durability: testservers.Durable})
	warnings, err := openMariaDB(t, testservers.DatabaseOn(t, durable)).Warnings(t.Context())
	require.NoError(t, err)
	require.Empty(t, warnings)

	weak := testservers.NewMariaDB(t, testservers.MariaDBOptions{Durability: testservers.Careless, Args: []string{"--log-bin=bin", "--sync-binlog=0"}})
	warnings, err = openMariaDB(t, testservers.DatabaseOn(t, weak)).Warnings(t.Context())
	require.NoError(t, err)
	require.Len(t, warnings, 2)
	require.Contains(t, warnings[0], "innodb_flush_log_at_trx_commit is 0")
	require.Contains(t, warnings[1], "sync_binlog is 0")

	warnings, err = openSQLite(t, t.TempDir()+"/ledger.db").Warnings(t.Context())
	require.NoError(t, err)
	require.Empty(t, warnings)
}
