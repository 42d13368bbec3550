package testservers_test

import (
	"context"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

func TestMariaDBRestartKeepsDataAndPort(t *testing.T) {
	for name, end := range map[string]func(*testservers.MariaDBServer) error{
		"stopped": (*testservers.MariaDBServer).Stop,
		"killed":  (*testservers.MariaDBServer).Kill,
		"running": func(*testservers.MariaDBServer) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testservers.NewMariaDB(t, testservers.MariaDBOptions{BufferPoolMiB: 16})
			dsn, pid := testservers.DatabaseOn(t, s), s.Pid()
			_, err := open(t, dsn).Exec("CREATE TABLE a (id INT PRIMARY KEY)")
			require.NoError(t, err)
			_, err = open(t, dsn).Exec("INSERT INTO a VALUES (7)")
			require.NoError(t, err)

			require.NoError(t, end(s))
			if name != "running" {
				require.Zero(t, s.Pid())
				requireGone(t, pid)
			}
			require.NoError(t, s.Restart(t.Context()))
			require.NotEqual(t, pid, s.Pid())
			require.Equal(t, "7", queryText(t, dsn, "SELECT id FROM a"))
		})
	}
}

func TestMariaDBTwoAtOnce(t *testing.T) {
	const n = 2
	servers, errs := make([]*testservers.MariaDBServer, n), make([]error, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			servers[i], errs[i] = testservers.StartMariaDB(t.Context(), testservers.MariaDBOptions{BufferPoolMiB: 16})
		})
	}
	wait.Wait()
	for i, s := range servers {
		require.NoError(t, errs[i])
		t.Cleanup(func() { require.NoError(t, s.Close()) })
	}
	require.NotEqual(t, servers[0].Addr(), servers[1].Addr())
	require.NotEqual(t, servers[0].Folder(), servers[1].Folder())
}

func TestMariaDBCloseLeavesNothing(t *testing.T) {
	s, err := testservers.StartMariaDB(t.Context(), testservers.MariaDBOptions{BufferPoolMiB: 16})
	require.NoError(t, err)
	pid, folder := s.Pid(), s.Folder()
	require.DirExists(t, folder)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	requireGone(t, pid)
	require.NoDirExists(t, folder)
}

func TestMariaDBHaltAndGoOn(t *testing.T) {
	s := testservers.NewMariaDB(t, testservers.MariaDBOptions{BufferPoolMiB: 16})
	require.NoError(t, s.Signal(syscall.SIGSTOP))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := open(t, s.DSN("")).ExecContext(ctx, "SELECT 1")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, s.Signal(syscall.SIGCONT))
	require.Equal(t, "1", queryText(t, s.DSN(""), "SELECT 1"))

	require.NoError(t, s.Signal(syscall.SIGSTOP))
	require.NoError(t, s.Stop(), "a halted server can be stopped")
	require.Error(t, s.Signal(syscall.SIGCONT))
}

func TestMariaDBDurability(t *testing.T) {
	const query = "SELECT CONCAT(@@innodb_flush_log_at_trx_commit, ' ', @@log_bin + 0, ' ', @@sync_binlog)"
	for _, c := range []struct {
		durability testservers.Durability
		want       string
	}{
		{testservers.KillSafe, "2 0 0"},
		{testservers.Careless, "0 0 0"},
		{testservers.Durable, "1 1 1"},
	} {
		s := testservers.NewMariaDB(t, testservers.MariaDBOptions{BufferPoolMiB: 16, Durability: c.durability})
		require.Equal(t, c.want, queryText(t, s.DSN(""), query))
	}
}

func TestMariaDBArgs(t *testing.T) {
	s := testservers.NewMariaDB(t, testservers.MariaDBOptions{
		BufferPoolMiB: 16, Args: []string{"--max-connections=17"},
	})
	require.Equal(t, "17", queryText(t, s.DSN(""), "SELECT @@max_connections"))
	require.Equal(t, "16777216", queryText(t, s.DSN(""), "SELECT @@innodb_buffer_pool_size"))
}

func TestMariaDBStartErrorCarriesTheLog(t *testing.T) {
	s, err := testservers.StartMariaDB(t.Context(), testservers.MariaDBOptions{Args: []string{"--no-such-option"}})
	require.Nil(t, s)
	require.ErrorContains(t, err, "unknown option '--no-such-option'")
}

func queryText(t *testing.T, dsn, query string) string {
	t.Helper()
	var text string
	require.NoError(t, open(t, dsn).QueryRow(query).Scan(&text))
	return text
}

func requireGone(t *testing.T, pid int) {
	t.Helper()
	process, err := os.FindProcess(pid)
	require.NoError(t, err)
	require.ErrorIs(t, process.Signal(syscall.Signal(0)), os.ErrProcessDone)
}
