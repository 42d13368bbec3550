package proxy_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A held request arrives after its client has gone.
func TestHeldRequestArrivesLate(t *testing.T) {
	p, e := pair(t)
	require.NoError(t, p.HoldRequests(1, []byte("COMMIT")))
	c := served(t, p)
	send(t, c, "COMMIT")
	require.Eventually(t, func() bool { return p.Held() == 1 }, patience, tick)
	require.NoError(t, c.Close())
	other := served(t, p)
	send(t, other, "COMMIT")
	requireAnswer(t, other, "COMMIT") // only one was to be held
	require.Equal(t, "hellohelloCOMMIT", e.received())

	require.NoError(t, p.Heal())
	require.Eventually(t, func() bool { return e.received() == "hellohelloCOMMITCOMMIT" }, patience, tick)
	require.Zero(t, p.Held())
}

// Several orders hold side by side, and what follows a held request waits behind it.
func TestHoldsAddUp(t *testing.T) {
	p, e := pair(t)
	require.NoError(t, p.HoldRequests(1, []byte("one")))
	require.NoError(t, p.HoldRequests(1, []byte("two")))
	require.Error(t, p.HoldRequests(0, nil))
	for _, text := range []string{"two", "one"} {
		c := served(t, p)
		send(t, c, text)
		send(t, c, "more")
	}
	require.Eventually(t, func() bool { return p.Held() == 2 }, patience, tick)
	require.Equal(t, "hellohello", e.received())
	require.NoError(t, p.Heal())
	require.Eventually(t, func() bool { return len(e.received()) == len("hellohelloonemoretwomore") }, patience, tick)
}

// A proxy that is closed holds nobody up.
func TestCloseLetsHeldRequestsGo(t *testing.T) {
	p, _ := pair(t)
	require.NoError(t, p.HoldRequests(1, nil))
	send(t, dial(t, p), "COMMIT")
	require.Eventually(t, func() bool { return p.Held() == 1 }, patience, tick)
	require.NoError(t, p.Close())
	require.Error(t, p.HoldRequests(1, nil))
}
