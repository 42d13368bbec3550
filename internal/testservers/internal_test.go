package testservers

import (
	"net"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMissingBinaryNamesTheRemedy(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	folders := systemFolders
	systemFolders = nil
	t.Cleanup(func() { systemFolders = folders })
	_, err := StartMariaDB(t.Context(), MariaDBOptions{})
	require.ErrorContains(t, err, "mariadbd is neither on PATH")
	require.ErrorContains(t, err, "make deps")
	_, err = StartRedis(t.Context(), RedisOptions{})
	require.ErrorContains(t, err, "redis-server is neither on PATH")
	require.ErrorIs(t, mustFail(exec.LookPath("redis-server")), exec.ErrNotFound)
}

func mustFail(_ string, err error) error { return err }

// A program that knows nothing of leases takes the port between the look at it and the server's own start.
func TestStolenPortIsReplaced(t *testing.T) {
	path, err := binary("redis-server")
	require.NoError(t, err)
	s := new(RedisServer)
	require.NoError(t, s.open("redis-server", path))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	var stolen net.Listener
	s.probe = s.ready
	s.configure = func(port int) ([]string, error) {
		if stolen == nil {
			stolen, err = net.Listen("tcp", loopback(port))
			if err != nil {
				return nil, err
			}
			t.Cleanup(func() { require.NoError(t, stolen.Close()) })
		}
		return []string{"--port", s.port.addr()[len("127.0.0.1:"):], "--bind", "127.0.0.1", "--save", ""}, nil
	}
	require.NoError(t, s.firstStart(t.Context()))
	require.NotEqual(t, stolen.Addr().String(), s.Addr())
}

func TestPortsAreLeasedOnce(t *testing.T) {
	seen := make(map[int]bool)
	for range 20 {
		p, err := leasePort()
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, p.release()) })
		require.False(t, seen[p.number], "port %d was leased twice", p.number)
		seen[p.number] = true
	}
}
