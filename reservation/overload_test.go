package reservation

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A queue refuses what it would keep waiting for too long, as far as it can tell,
// and takes it again once it has drained. An empty one takes everything.
func TestQueueIsBoundedInTime(t *testing.T) {
	const each = 100 * time.Millisecond
	q := newQueue(1000, 2, batchSizes{lines: 1, ops: 1}, func(ops, _ int) time.Duration { return time.Duration(ops) * each }, forEver)
	one := []*Operation{{}}
	require.Empty(t, q.put(one, 0), "nothing is ahead")
	require.NotEmpty(t, q.put(one, each-1))
	require.Empty(t, q.put(one, each))
	require.NotEmpty(t, q.put(one, each), "two are ahead")
	require.Equal(t, 2, q.depth())
	require.Len(t, q.take().ops, 1)
	require.Empty(t, q.put(one, each))
	q.close()
	require.NotEmpty(t, q.put(one, time.Hour))
}

func forEver() time.Duration { return time.Hour }

// While one committer is at work, a second one waits until there is enough for a
// whole transaction, or until the first takes too long.
func TestASecondCommitterHelpsWhereNeeded(t *testing.T) {
	noTime := func(int, int) time.Duration { return 0 }
	some := func(n int) []*Operation {
		ops := make([]*Operation, n)
		for i := range ops {
			ops[i] = &Operation{}
		}
		return ops
	}
	takes := func(q *queue) <-chan *load {
		taken := make(chan *load, 1)
		go func() { taken <- q.take() }()
		return taken
	}
	t.Run("what arrives gathers for the first", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q := newQueue(1000, 2, batchSizes{lines: 100, ops: 10}, noTime, func() time.Duration { return time.Second })
			defer q.close()
			require.Empty(t, q.put(some(1), 0))
			first := <-takes(q)
			require.Len(t, first.ops, 1)
			second := takes(q)
			require.Empty(t, q.put(some(1), 0))
			require.Empty(t, q.put(some(1), 0))
			synctest.Wait()
			require.Empty(t, second, "the first is at work")
			q.finished(first)
			require.Len(t, (<-takes(q)).ops, 2, "and takes all that gathered")
			q.close()
			require.Nil(t, <-second)
		})
	})
	t.Run("a whole batch has gathered", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q := newQueue(1000, 2, batchSizes{lines: 100, ops: 10}, noTime, func() time.Duration { return time.Second })
			require.Empty(t, q.put(some(1), 0))
			require.Len(t, (<-takes(q)).ops, 1)
			second := takes(q)
			require.Empty(t, q.put(some(9), 0))
			synctest.Wait()
			require.Empty(t, second)
			require.Empty(t, q.put(some(1), 0))
			require.Len(t, (<-second).ops, 10)
			q.close()
		})
	})
	t.Run("the first takes too long", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q := newQueue(1000, 2, batchSizes{lines: 100, ops: 10}, noTime, func() time.Duration { return time.Second })
			defer q.close()
			require.Empty(t, q.put(some(1), 0))
			require.Len(t, (<-takes(q)).ops, 1)
			second := takes(q)
			require.Empty(t, q.put(some(3), 0))
			time.Sleep(time.Second - 1)
			synctest.Wait()
			require.Empty(t, second)
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			require.Len(t, second, 1, "somebody helps")
			require.Len(t, (<-second).ops, 3)
		})
	})
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

// However long transactions have become, neither does a second committer wait for
// long, nor is a caller sent away for long.
func TestAStallIsNotPassedOn(t *testing.T) {
	l := NewLedger(nil, nil, LedgerOptions{})
	l.pace.Store(int64(10 * time.Second))
	require.LessOrEqual(t, l.patience(), 50*time.Millisecond)
	for range 100 {
		require.LessOrEqual(t, l.retryAfter(), 2*mostRetryAfter)
	}
}
