package proxy_test

import (
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"stockhold/internal/faults/proxy"
	"stockhold/internal/testservers"
)

const (
	// patience is how long a test waits for what must happen.
	patience = 10 * time.Second
	// quiet is how long a test listens for what must not.
	quiet = 100 * time.Millisecond
	tick  = 5 * time.Millisecond
)

func TestMain(m *testing.M) { testservers.Main(m) }

// noLeak sees that nothing runs on that the test began. It comes first in a test: cleanups run last in, first out.
func noLeak(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

func start(t *testing.T, upstream string) *proxy.Proxy {
	t.Helper()
	p, err := proxy.Start(upstream)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// An echo answers with the bytes that it gets.
type echo struct {
	net.Listener
	mu   sync.Mutex
	got  []byte
	ends int
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	e := &echo{Listener: listener}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			work.Go(func() { e.serve(connection) })
		}
	})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		work.Wait()
	})
	return e
}

func (e *echo) serve(connection net.Conn) {
	defer connection.Close()
	bytes := make([]byte, 1024)
	for {
		n, err := connection.Read(bytes)
		e.mu.Lock()
		e.got = append(e.got, bytes[:n]...)
		if err != nil {
			e.ends++
		}
		e.mu.Unlock()
		if err != nil {
			return
		}
		if _, err := connection.Write(bytes[:n]); err != nil {
			continue
		}
	}
}

func (e *echo) received() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return string(e.got)
}

// ended returns how many connections have ended for the server.
func (e *echo) ended() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ends
}

// pair returns a proxy in front of an echo server.
func pair(t *testing.T) (*proxy.Proxy, *echo) {
	t.Helper()
	noLeak(t)
	e := newEcho(t)
	return start(t, e.Addr().String()), e
}

func dial(t *testing.T, p *proxy.Proxy) *net.TCPConn {
	t.Helper()
	connection, err := net.DialTimeout("tcp", p.Addr(), patience)
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	return connection.(*net.TCPConn)
}

// served returns a connection that works.
func served(t *testing.T, p *proxy.Proxy) *net.TCPConn {
	t.Helper()
	connection := dial(t, p)
	requireEchoes(t, connection)
	return connection
}

func send(t *testing.T, connection net.Conn, text string) {
	t.Helper()
	_, err := connection.Write([]byte(text))
	require.NoError(t, err)
}

func requireEchoes(t *testing.T, connection net.Conn) {
	t.Helper()
	send(t, connection, "hello")
	requireAnswer(t, connection, "hello")
}

func requireAnswer(t *testing.T, connection net.Conn, want string) {
	t.Helper()
	require.NoError(t, connection.SetReadDeadline(time.Now().Add(patience)))
	answer := make([]byte, len(want))
	_, err := io.ReadFull(connection, answer)
	require.NoError(t, err)
	require.Equal(t, want, string(answer))
}

// readError returns what a read that brings no bytes ends with.
func readError(t *testing.T, connection net.Conn) error {
	t.Helper()
	require.NoError(t, connection.SetReadDeadline(time.Now().Add(patience)))
	n, err := connection.Read(make([]byte, 1))
	require.Zero(t, n)
	return err
}

// requireReset sees a new connection reset, which may happen before it is made for the client.
func requireReset(t *testing.T, p *proxy.Proxy) {
	t.Helper()
	connection, err := net.DialTimeout("tcp", p.Addr(), patience)
	if err == nil {
		defer connection.Close()
		err = readError(t, connection)
	}
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

func requireSilent(t *testing.T, connection net.Conn) {
	t.Helper()
	require.NoError(t, connection.SetReadDeadline(time.Now().Add(quiet)))
	_, err := connection.Read(make([]byte, 1))
	var slow net.Error
	require.ErrorAs(t, err, &slow)
	require.True(t, slow.Timeout(), "%v", err)
}
