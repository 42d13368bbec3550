package testservers

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/gofrs/flock"
)

// Ports come from below the range from which systems serve outgoing connections (32768 on Linux), so that no
// connection of a busy test takes the port of a server that is down for a moment. A Redis Cluster node also
// listens on its port + busOffset, which stays below that range too.
const (
	firstPort = 20000
	portCount = 2000
	busOffset = 10000
)

// A port is leased from all processes that use this package, also while its server is down: a file lock holds
// it, which ends with the process.
type port struct {
	number int
	lease  *flock.Flock
}

func leasePort() (*port, error) {
	root, err := base()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(root, "ports")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of port leases: %w", err)
	}
	start := rand.IntN(portCount)
	for i := range portCount {
		number := firstPort + (start+i)%portCount
		lease := flock.New(filepath.Join(dir, strconv.Itoa(number)))
		got, err := lease.TryLock()
		if err != nil {
			return nil, fmt.Errorf("lease port %d: %w", number, err)
		}
		if !got {
			continue
		}
		if portFree(number) && portFree(number+busOffset) {
			return &port{number: number, lease: lease}, nil
		}
		if err := lease.Close(); err != nil {
			return nil, fmt.Errorf("give port %d back: %w", number, err)
		}
	}
	return nil, fmt.Errorf("no free port from %d to %d", firstPort, firstPort+portCount-1)
}

func (p *port) release() error {
	if err := p.lease.Close(); err != nil {
		return fmt.Errorf("give port %d back: %w", p.number, err)
	}
	return nil
}

func (p *port) addr() string { return loopback(p.number) }

func loopback(number int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(number)) }

// portFree reports whether a server could listen on the port now; a program that knows nothing of leases may
// take it a moment later.
func portFree(number int) bool {
	listener, err := net.Listen("tcp", loopback(number))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}
