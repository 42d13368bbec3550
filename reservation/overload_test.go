package reservation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A queue refuses what it would keep waiting for too long, as far as it can tell,
// and takes it again once it has drained. An empty one takes everything.
func TestQueueIsBoundedInTime(t *testing.T) {
	const each = 100 * time.Millisecond
	q := newQueue(1000, func(ops, _ int) time.Duration { return time.Duration(ops) * each })
	one := []*Operation{{}}
	require.Empty(t, q.put(one, 0), "nothing is ahead")
	require.NotEmpty(t, q.put(one, each-1))
	require.Empty(t, q.put(one, each))
	require.NotEmpty(t, q.put(one, each), "two are ahead")
	require.Equal(t, 2, q.depth())
	taken, _ := q.take(1, 1)
	require.Len(t, taken, 1)
	require.Empty(t, q.put(one, each))
	q.close()
	require.NotEmpty(t, q.put(one, time.Hour))
}

// How long a queue takes is told from how long transactions take, how many run
// at once, and how much each can carry, in operations or in lines.
func TestDrain(t *testing.T) {
	l := NewLedger(nil, nil, LedgerOptions{Committers: 2, BatchLines: 4 * maxBatchOps})
	l.pace.Store(int64(100 * time.Millisecond))
	require.Equal(t, 50*time.Millisecond, l.drain(maxBatchOps, maxBatchOps))
	require.Equal(t, 500*time.Millisecond, l.drain(10*maxBatchOps, 10*maxBatchOps))
	require.Equal(t, 100*time.Millisecond, l.drain(maxBatchOps, 8*maxBatchOps))
}
