//go:build faults

package faults_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/faults"
)

// A server that ends by itself is noticed, although another may be started in its
// place: else a panic would look like one kill more. One that was killed, or told to
// stop, has not failed.
func TestServerThatEndsByItself(t *testing.T) {
	site, err := faults.OpenSite(t.Context(), faults.Built(), faults.SiteOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, site.Close()) })
	serve := func() *faults.Process {
		server, err := site.Serve(t.Context())
		require.NoError(t, err)
		return server
	}
	require.NoError(t, serve().Kill())
	require.NoError(t, serve().Stop(faults.Within(t, time.Minute)))
	serve()
	require.NoError(t, site.Failed())

	ended := serve()
	require.NoError(t, ended.Signal(syscall.SIGQUIT)) // ends it as a panic does
	require.Error(t, ended.Wait(faults.Within(t, time.Minute)))
	require.ErrorContains(t, site.Failed(), "did not end well: exit status 2")
	require.NoError(t, site.Close())
	require.ErrorContains(t, site.Failed(), "did not end well", "also when all is over")
}
