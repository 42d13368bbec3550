package decider

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What is configured is who is asked: HTTP_PROXY and its kin are for others. The
// standard library reads them once a process, and never for the loopback
// interface, so that no test from outside would notice.
func TestProxyOfTheEnvironmentIsIgnored(t *testing.T) {
	c, err := New("http://orders", Options{})
	require.NoError(t, err)
	require.Nil(t, c.transport.Proxy)
}
