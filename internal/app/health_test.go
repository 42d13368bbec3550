package app_test

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
)

// While the ledger is away, halted or gone, the server lives and is not ready;
// when it is back the server is, without a restart.
func TestReadyFollowsTheLedger(t *testing.T) {
	db := testservers.NewMariaDB(t, testservers.MariaDBOptions{})
	cfg := real(t)
	cfg.Stores.MySQLDSN = testservers.DatabaseOn(t, db)
	a, _ := start(t, cfg)
	s := visit(t, a)
	s.until("/readyz", http.StatusOK, "ok")

	require.NoError(t, db.Signal(syscall.SIGSTOP))
	s.until("/readyz", http.StatusServiceUnavailable, "the ledger does not answer")
	s.until("/healthz", http.StatusOK, "ok")
	require.NoError(t, db.Signal(syscall.SIGCONT))
	s.until("/readyz", http.StatusOK, "ok")

	require.NoError(t, db.Kill())
	s.until("/readyz", http.StatusServiceUnavailable, "the ledger does not answer")
	require.NoError(t, db.Restart(t.Context()))
	s.until("/readyz", http.StatusOK, "ok")
	s.stock("mug", 1)
	require.NoError(t, s.try("order-1", "mug", 1))
}

// Between the word to stop and the end of the delay, probes are told to look
// elsewhere and calls are answered.
func TestDrainingTellsProbesAndAnswersCalls(t *testing.T) {
	cfg := embedded(t)
	cfg.Server.DrainDelay = 5 * time.Second
	a, _ := start(t, cfg)
	s := visit(t, a)
	s.stock("mug", 1)

	stopped := make(chan error, 1)
	go func() { stopped <- a.Stop() }()
	s.until("/readyz", http.StatusServiceUnavailable, "draining")
	s.until("/healthz", http.StatusOK, "ok")
	require.NoError(t, s.try("order-1", "mug", 1))
	require.NoError(t, <-stopped)
	status, _ := s.get("/healthz")
	require.Zero(t, status, "the server still answers")
}
