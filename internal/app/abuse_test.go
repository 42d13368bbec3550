package app

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// patience bounds everything that a test here waits for.
const patience = 30 * time.Second

// abused is a server whose handler reads bodies and answers, and counts.
type abused struct {
	*server
	address  string
	answered atomic.Int64
	under    atomic.Int64
	most     atomic.Int64
}

func startAbused(t *testing.T, opts serverOptions) *abused {
	t.Helper()
	a := &abused{}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := a.under.Add(1)
		defer a.under.Add(-1)
		for most := a.most.Load(); now > most && !a.most.CompareAndSwap(most, now); most = a.most.Load() {
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			w.WriteHeader(http.StatusRequestTimeout)
			return
		}
		a.answered.Add(1)
		_, _ = io.WriteString(w, "ok")
	})
	opts.address = "127.0.0.1:0"
	var err error
	a.server, err = newServer(t.Context(), opts, handler, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	a.address = a.listener.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { require.NoError(t, a.serve(ctx)) })
	t.Cleanup(func() {
		require.NoError(t, a.http.Close())
		a.awaitCalls()
		stop()
		serving.Wait()
	})
	return a
}

func (a *abused) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", a.address)
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// neighbor calls like any other client while somebody misbehaves. Every call of
// its must be answered.
func (a *abused) neighbor(t *testing.T) (leave func()) {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	client := &http.Client{Transport: transport, Timeout: patience}
	stop := make(chan struct{})
	var calling sync.WaitGroup
	var calls, failed atomic.Int64
	calling.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			response, err := client.Post("http://"+a.address+"/", "application/json", strings.NewReader("{}"))
			if err != nil {
				failed.Add(1)
			} else {
				_ = response.Body.Close()
			}
			calls.Add(1)
		}
	})
	return func() {
		before := calls.Load()
		require.Eventually(t, func() bool { return calls.Load() > before+3 }, patience, time.Millisecond, "the neighbor is starved")
		close(stop)
		calling.Wait()
		transport.CloseIdleConnections()
		require.Zero(t, failed.Load(), "of %d calls", calls.Load())
	}
}

// http2 begins a connection without TLS by hand.
func (a *abused) http2(t *testing.T) (*http2.Framer, net.Conn) {
	t.Helper()
	conn := a.dial(t)
	_, err := io.WriteString(conn, http2.ClientPreface)
	require.NoError(t, err)
	framer := http2.NewFramer(conn, conn)
	require.NoError(t, framer.WriteSettings())
	return framer, conn
}

func headers(more ...hpack.HeaderField) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range append([]hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":authority", Value: "x"}, {Name: ":path", Value: "/"},
	}, more...) {
		_ = encoder.WriteField(field) // into memory
	}
	return block.Bytes()
}

// ended waits until the server has closed a connection, or sent it away.
func ended(t *testing.T, framer *http2.Framer) {
	t.Helper()
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			var timeout net.Error
			require.False(t, asTimeout(err, &timeout), "the server never ended it: %v", err)
			return
		}
		if _, goaway := frame.(*http2.GoAwayFrame); goaway {
			return
		}
	}
}

func asTimeout(err error, target *net.Error) bool {
	netErr, ok := err.(net.Error)
	*target = netErr
	return ok && netErr.Timeout()
}

// Rapid reset: streams that are opened and given up at once, without end, occupy
// no more handlers than one connection may have, and others are answered.
func TestRapidResetStarvesNobody(t *testing.T) {
	a := startAbused(t, serverOptions{callTimeout: time.Second})
	leave := a.neighbor(t)
	framer, conn := a.http2(t)
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	block := headers()
	var err error
	for i := range 20_000 {
		id := uint32(2*i + 1)
		if err = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true}); err != nil {
			break
		}
		if err = framer.WriteRSTStream(id, http2.ErrCodeCancel); err != nil {
			break // the server had enough, which is as good
		}
	}
	leave()
	require.LessOrEqual(t, a.most.Load(), int64(maxStreams+10))
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool { return a.under.Load() == 0 }, patience, time.Millisecond, "handlers are left behind")
}

// A header that never ends, in CONTINUATION frames, is ended by the server.
func TestEndlessHeadersAreEnded(t *testing.T) {
	a := startAbused(t, serverOptions{callTimeout: time.Second})
	leave := a.neighbor(t)
	framer, conn := a.http2(t)
	var written sync.WaitGroup
	written.Go(func() {
		if framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: headers(), EndHeaders: false}) != nil {
			return
		}
		var block bytes.Buffer
		_ = hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: "x-flood", Value: strings.Repeat("x", 8000), Sensitive: true})
		for framer.WriteContinuation(1, false, block.Bytes()) == nil { // until it is refused
		}
	})
	ended(t, framer)
	require.NoError(t, conn.Close())
	written.Wait()
	leave()
}

// Headers are bounded over HTTP/1, too, in size and in time.
func TestHeadersAreBounded(t *testing.T) {
	a := startAbused(t, serverOptions{callTimeout: time.Second})
	conn := a.dial(t)
	_, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nX-Flood: %s\r\n\r\n", strings.Repeat("x", 2*maxHeaderBytes))
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, response.StatusCode)
	require.Zero(t, a.answered.Load())
}

// Who sends a body slower than the time for it is cut off, over HTTP/1 and
// HTTP/2; and many of them keep nobody from being answered.
func TestSlowBodiesAreCutOff(t *testing.T) {
	a := startAbused(t, serverOptions{callTimeout: time.Second, readTimeout: 500 * time.Millisecond})
	leave := a.neighbor(t)
	var slow []net.Conn
	for range 50 {
		conn := a.dial(t)
		_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
		require.NoError(t, err)
		slow = append(slow, conn)
	}
	framer, conn := a.http2(t)
	require.NoError(t, framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: headers(), EndHeaders: true}))
	require.NoError(t, framer.WriteData(1, false, []byte("{")))
	for _, conn := range slow {
		answer, err := io.ReadAll(conn)
		if err == nil {
			require.NotContains(t, string(answer), "200 OK")
		}
	}
	require.Eventually(t, func() bool { return a.under.Load() <= 1 }, patience, time.Millisecond, "slow callers keep their places")
	require.NoError(t, conn.Close())
	leave()
}

// Who sends a header slower than the time for it is cut off.
func TestSlowHeadersAreCutOff(t *testing.T) {
	a := startAbused(t, serverOptions{callTimeout: time.Second, readTimeout: 300 * time.Millisecond})
	leave := a.neighbor(t)
	conn := a.dial(t)
	_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost:")
	require.NoError(t, err)
	_, err = io.ReadAll(conn)
	require.NoError(t, err, "the server ended it")
	leave()
}

// Beyond the most connections further ones wait, and are served when one ends.
func TestConnectionsAreLimited(t *testing.T) {
	a := startAbused(t, serverOptions{callTimeout: time.Second, connections: 2})
	request := "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	first, second, third := a.dial(t), a.dial(t), a.dial(t)
	for _, conn := range []net.Conn{first, second} {
		_, err := io.WriteString(conn, request)
		require.NoError(t, err)
		_, err = http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
	}
	_, err := io.WriteString(third, request)
	require.NoError(t, err)
	require.Equal(t, int64(2), a.answered.Load())
	require.NoError(t, first.Close())
	_, err = http.ReadResponse(bufio.NewReader(third), nil)
	require.NoError(t, err)
}
