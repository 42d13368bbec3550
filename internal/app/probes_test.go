package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// slowLedger answers a ping when it is told what.
type slowLedger struct {
	asked  atomic.Int64
	under  chan struct{} // one message for each ping that began
	answer chan error
}

func (l *slowLedger) Ping(ctx context.Context) error {
	l.asked.Add(1)
	l.under <- struct{}{}
	select {
	case err := <-l.answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Strangers may ask whether the server is ready, as often as they like: the ledger
// is asked by one of them at a time, and the one who asked first may hang up.
func TestProbesDoNotKeepTheLedgerBusy(t *testing.T) {
	ledger := &slowLedger{under: make(chan struct{}, 1000), answer: make(chan error)}
	h := &health{ledger: ledger, log: slog.New(slog.DiscardHandler)}
	mux := h.mux(nil)
	probe := func(ctx context.Context) int {
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodGet, "/readyz", nil))
		return answer.Code
	}
	first, hangUp := context.WithCancel(t.Context())
	var probes sync.WaitGroup
	var well atomic.Int64
	probes.Go(func() { probe(first) })
	<-ledger.under
	const others = 200
	var begun sync.WaitGroup
	for range others {
		begun.Add(1)
		probes.Go(func() {
			begun.Done()
			if probe(t.Context()) == http.StatusOK {
				well.Add(1)
			}
		})
	}
	begun.Wait()
	hangUp()
	require.Equal(t, int64(1), ledger.asked.Load(), "at a time")
	answered := make(chan struct{})
	go func() { probes.Wait(); close(answered) }()
	for waiting := true; waiting; { // those that came after the first answer ask once more
		select {
		case ledger.answer <- nil:
		case <-answered:
			waiting = false
		}
	}
	require.Equal(t, int64(others), well.Load(), "the first one's end is not the others'")
	require.Less(t, ledger.asked.Load(), int64(others))

	// What is heard once is not remembered.
	go func() { ledger.answer <- errors.New("away") }()
	require.Equal(t, http.StatusServiceUnavailable, probe(t.Context()))
}
