package proxy_test

import (
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/faults/proxy"
)

func TestServes(t *testing.T) {
	p, e := pair(t)
	a, b := served(t, p), served(t, p)
	require.Equal(t, 2, p.Connections())
	require.NoError(t, a.Close())
	require.Eventually(t, func() bool { return p.Connections() == 1 && e.ended() == 1 }, patience, tick)
	requireEchoes(t, b)
}

func TestUpstreamDown(t *testing.T) {
	noLeak(t)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, nobody.Close())
	p := start(t, nobody.Addr().String())
	requireReset(t, p)
	require.Eventually(t, func() bool { return p.Connections() == 0 }, patience, tick)
}

func TestUpstreamEnds(t *testing.T) {
	noLeak(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	c := dial(t, start(t, listener.Addr().String()))
	upstream, err := listener.Accept()
	require.NoError(t, err)
	send(t, upstream, "bye")
	require.NoError(t, upstream.Close())
	all, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Equal(t, "bye", string(all), "what was sent before the end arrives")
}

func TestReset(t *testing.T) {
	p, e := pair(t)
	old := served(t, p)
	require.NoError(t, p.Reset())
	require.ErrorIs(t, readError(t, old), syscall.ECONNRESET)
	requireReset(t, p)
	require.Eventually(t, func() bool { return e.ended() == 1 && p.Connections() == 0 }, patience, tick)
	require.NoError(t, p.Heal())
	served(t, p)
	require.Error(t, readError(t, old))
}

func TestCut(t *testing.T) {
	p, e := pair(t)
	old := served(t, p)
	require.NoError(t, p.Cut())
	require.ErrorIs(t, readError(t, old), io.EOF)
	require.Eventually(t, func() bool { return e.ended() == 1 }, patience, tick)
	served(t, p)
}

func TestRefuse(t *testing.T) {
	p, _ := pair(t)
	old, addr := served(t, p), p.Addr()
	for range 3 {
		require.NoError(t, p.Refuse())
		require.ErrorIs(t, readError(t, old), io.EOF)
		_, err := net.DialTimeout("tcp", addr, patience)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.NoError(t, p.Refuse(), "twice is once")
		require.NoError(t, p.Heal())
		require.Equal(t, addr, p.Addr())
		old = served(t, p)
	}
}

func TestBlackHole(t *testing.T) {
	p, e := pair(t)
	old, gone := served(t, p), served(t, p)
	before := e.received()
	require.NoError(t, p.BlackHole())
	late := dial(t, p)
	for _, c := range []net.Conn{old, late} {
		send(t, c, "lost")
		requireSilent(t, c)
	}
	require.NoError(t, gone.Close())
	require.Eventually(t, func() bool { return p.Connections() == 2 }, patience, tick)
	require.Zero(t, e.ended(), "upstream does not hear that a client went away")
	require.Equal(t, before, e.received())

	require.NoError(t, p.Heal())
	require.ErrorIs(t, readError(t, old), io.EOF)
	require.ErrorIs(t, readError(t, late), io.EOF)
	require.Eventually(t, func() bool { return e.ended() == 2 && p.Connections() == 0 }, patience, tick)
	served(t, p)
}

func TestHalfOpen(t *testing.T) {
	p, e := pair(t)
	old := served(t, p)
	before := e.received()
	require.NoError(t, p.HalfOpen())
	require.Eventually(t, func() bool { return e.ended() == 1 }, patience, tick)
	send(t, old, "lost")
	requireSilent(t, old)
	served(t, p)
	require.NoError(t, p.Heal())
	send(t, old, "lost")
	requireSilent(t, old)
	require.Equal(t, before+"hello", e.received())
	require.Equal(t, 2, p.Connections())
}

func TestDelay(t *testing.T) {
	p, _ := pair(t)
	old := served(t, p)
	require.NoError(t, p.Delay(60*time.Millisecond, 10*time.Millisecond))
	for _, c := range []net.Conn{old, dial(t, p)} {
		began := time.Now()
		requireEchoes(t, c)
		require.GreaterOrEqual(t, time.Since(began), 100*time.Millisecond, "both ways are late")
	}
	require.NoError(t, p.Delay(time.Hour, 0))
	send(t, old, "hello")
	requireSilent(t, old)
	require.NoError(t, p.Heal())
	require.NoError(t, old.SetReadDeadline(time.Now().Add(patience)))
	_, err := io.ReadFull(old, make([]byte, len("hello")))
	require.NoError(t, err, "what was under way arrives after all")
	requireEchoes(t, old)
	require.Error(t, p.Delay(-1, 0))
}

func TestCloseWhileDelayed(t *testing.T) {
	p, _ := pair(t)
	c := served(t, p)
	require.NoError(t, p.Delay(time.Hour, 0))
	send(t, c, "never")
	require.NoError(t, p.Close())
	require.Error(t, readError(t, c))
}

func TestOneFaultFollowsAnother(t *testing.T) {
	p, _ := pair(t)
	require.NoError(t, p.Refuse())
	require.NoError(t, p.BlackHole())
	c := dial(t, p)
	requireSilent(t, c)
	require.NoError(t, p.Reset())
	require.ErrorIs(t, readError(t, c), syscall.ECONNRESET)
	require.NoError(t, p.Heal())
	served(t, p)
}

func TestClosed(t *testing.T) {
	noLeak(t)
	p := start(t, newEcho(t).Addr().String())
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
	for _, fault := range []func() error{p.Heal, p.Reset, p.Cut, p.Refuse, p.BlackHole, p.HalfOpen} {
		require.ErrorContains(t, fault(), "closed")
	}
	require.ErrorContains(t, p.Delay(time.Second, 0), "closed")
	require.ErrorContains(t, p.LoseReplies(1, nil), "closed")
	_, err := net.Dial("tcp", p.Addr())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	_, err = proxy.Start("nowhere")
	require.ErrorContains(t, err, "missing port")
}

// Faults come and go under load; whatever happened, a healed proxy serves.
func TestFaultsUnderLoad(t *testing.T) {
	p, _ := pair(t)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					exchange(p.Addr())
				}
			}
		})
	}
	for range 10 {
		for _, fault := range []func() error{
			p.Reset, p.Heal, p.Cut, p.Refuse, p.BlackHole, p.HalfOpen, p.Heal,
			func() error { return p.Delay(2*time.Millisecond, time.Millisecond) },
			func() error { return p.LoseReplies(3, []byte("ll")) },
			func() error { return p.MuteReplies(3, nil) },
			func() error { return p.Delay(time.Millisecond, 0) },
			p.Heal,
		} {
			require.NoError(t, fault())
			time.Sleep(2 * time.Millisecond) // Let the fault meet some calls; nothing depends on how many.
		}
	}
	close(stop)
	clients.Wait()
	served(t, p)
}

// exchange makes a call that may fail.
func exchange(addr string) {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return
	}
	defer c.Close()
	if c.SetDeadline(time.Now().Add(20*time.Millisecond)) != nil {
		return
	}
	answer := make([]byte, 5)
	for range 20 {
		if _, err := c.Write([]byte("hello")); err != nil {
			return
		}
		if _, err := io.ReadFull(c, answer); err != nil {
			return
		}
	}
}

func TestLeadTo(t *testing.T) {
	p, e := pair(t)
	other := newEcho(t)
	old := served(t, p)
	require.NoError(t, p.LeadTo(other.Addr().String()))
	requireEchoes(t, old)
	before := e.received()
	served(t, p)
	require.NotEmpty(t, other.received())
	require.Equal(t, before, e.received())
	require.ErrorContains(t, p.LeadTo("nowhere"), "upstream of a proxy")
}
