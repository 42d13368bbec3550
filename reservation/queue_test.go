package reservation

import (
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"stockhold/inventory"
)

// shardedQueue is for two committers whose transactions carry ten operations.
func shardedQueue() *queue {
	q := newQueue(1_000_000, 2, batchSizes{lines: 100, ops: 10}, func(int, int) time.Duration { return 0 },
		func() time.Duration { return time.Second })
	q.hash = number
	return q
}

// number makes a row's shard that of its sku, which is one.
func number(k inventory.Key) uint64 {
	n, err := strconv.ParseUint(k.SKU, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// row is the n-th stock row of a shard of two.
func row(shard, n int) inventory.Key {
	return inventory.Key{Location: "default", SKU: strconv.Itoa(2*n + shard)}
}

func onRows(keys ...inventory.Key) *Operation {
	op := &Operation{}
	for _, k := range keys {
		op.Lines = append(op.Lines, Line{Key: k, Quantity: 1})
	}
	return op
}

// onShards makes so many operations for each shard, in turn.
func onShards(each int) (ops []*Operation) {
	for i := range each {
		ops = append(ops, onRows(row(0, i%3)), onRows(row(1, i%3)))
	}
	return ops
}

// requireSame wants the very same operations: many of them are equal.
func requireSame(t *testing.T, want, got []*Operation, why ...any) {
	t.Helper()
	require.True(t, slices.Equal(want, got), why...)
}

// ofShard are those of one shard, in order.
func (q *queue) ofShard(shard int, ops []*Operation) []*Operation {
	return slices.DeleteFunc(slices.Clone(ops), func(op *Operation) bool { return q.shardOf(op) != shard })
}

// Where more waits than one transaction carries, two transactions want different
// rows: neither waits for the other's locks.
func TestCommittersDivideTheRows(t *testing.T) {
	q := shardedQueue()
	ops := onShards(9)
	require.Empty(t, q.put(ops, 0))
	first, second := q.take(), q.take()
	require.NotEqual(t, first.shard, second.shard)
	requireSame(t, q.ofShard(first.shard, ops), first.ops, "all that wait on its rows, in order")
	requireSame(t, q.ofShard(second.shard, ops), second.ops)
	require.Zero(t, q.depth())

	more := onShards(5)
	require.Empty(t, q.put(more, 0))
	q.finished(first)
	requireSame(t, q.ofShard(first.shard, more), q.take().ops, "one transaction could carry all, and would wait for the other shard's")
}

// Nor do a few go along whose rows somebody has locked: he is to take them.
func TestAFewOfAShardUnderWayStay(t *testing.T) {
	q := shardedQueue()
	require.Empty(t, q.put(onShards(6), 0))
	first, second := q.take(), q.take()
	some := append(onShards(2), onRows(row(first.shard, 0)), onRows(row(first.shard, 1)), onRows(row(first.shard, 2)))
	require.Empty(t, q.put(some, 0))
	q.finished(first)
	requireSame(t, q.ofShard(first.shard, some), q.take().ops)
	q.finished(second)
	require.Equal(t, 2, q.depth())
}

// What one transaction can carry is not divided: two would cost more than one.
func TestWhatFitsOneTransactionIsOne(t *testing.T) {
	q := shardedQueue()
	ops := onShards(5)
	require.Empty(t, q.put(ops, 0))
	requireSame(t, ops, q.take().ops)
}

// Rows are divided only where each committer gets a fair share of a transaction.
func TestAFewAreNoShard(t *testing.T) {
	q := shardedQueue()
	var ops []*Operation
	for range 20 {
		ops = append(ops, onRows(row(0, 0)))
	}
	ops = slices.Insert(ops, 3, onRows(row(1, 0)), onRows(row(1, 1)))
	require.Empty(t, q.put(ops, 0))
	hot := q.take()
	require.Equal(t, 0, hot.shard)
	requireSame(t, ops[:10], hot.ops, "the few go along: nobody would come for them")
	rest := q.take()
	require.Equal(t, anyShard, rest.shard)
	requireSame(t, ops[10:20], rest.ops)
}

// Operations whose rows only the ledger knows, or that touch several, go with
// whoever takes next, in their place.
func TestOperationsWithoutAShard(t *testing.T) {
	q := shardedQueue()
	ops := onShards(6)
	confirm := &Operation{Call: Confirm}
	basket := onRows(row(0, 0), row(1, 0))
	ops = slices.Insert(ops, 2, confirm, basket)
	require.Empty(t, q.put(ops, 0))
	first := q.take()
	requireSame(t, []*Operation{confirm, basket}, first.ops[1:3])
	requireSame(t, q.ofShard(1-first.shard, ops), q.take().ops)
}

// A shard whose transaction stands still is open to the other committer: the row
// that it waits for may be none of theirs.
func TestAStuckTransactionDoesNotKeepItsShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := shardedQueue()
		defer q.close()
		require.Empty(t, q.put(onShards(6), 0))
		stuck, other := q.take(), q.take()
		require.Empty(t, q.put(onShards(12), 0))
		for range 2 {
			time.Sleep(600 * time.Millisecond)
			q.finished(other)
			other = q.take()
		}
		require.Equal(t, stuck.shard, other.shard)
	})
}

// What waits is less than enough once the transaction ends that it was divided
// from. The committer that goes to sleep over it is woken when the other one, whose
// load was of any shard, stands still.
func TestWhatADivisionLeavesIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := shardedQueue()
		defer q.close()
		require.Empty(t, q.put(onShards(1), 0))
		require.Equal(t, anyShard, q.take().shard, "and never finished")
		require.Empty(t, q.put(onShards(6), 0))
		helper := q.take()
		require.Len(t, helper.ops, 6)
		q.finished(helper)
		taken := make(chan *load, 1)
		go func() { taken <- q.take() }()
		time.Sleep(time.Second - 1)
		synctest.Wait()
		require.Empty(t, taken, "six are too few to help with")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.Len(t, taken, 1, "unless it takes too long")
		require.Len(t, (<-taken).ops, 6)
	})
}

// Nor where the alarm rang before, while both were at work.
func TestTheAlarmIsSetAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := shardedQueue()
		defer q.close()
		require.Empty(t, q.put(onShards(1), 0))
		require.Equal(t, anyShard, q.take().shard, "and never finished")
		few := append(onShards(4), onRows(row(0, 0)), onRows(row(0, 1)), onRows(row(0, 2)), onRows(row(0, 0)))
		require.Empty(t, q.put(few, 0))
		helper := q.take()
		require.Equal(t, 2, q.depth(), "too few: the alarm is set")
		time.Sleep(time.Second)
		synctest.Wait()
		require.Empty(t, q.put(onShards(12), 0))
		for _, want := range []int{10, 8, 8} {
			began := time.Now()
			q.finished(helper)
			helper = q.take()
			require.Len(t, helper.ops, want)
			require.LessOrEqual(t, time.Since(began), time.Second, "the patience")
		}
		require.Zero(t, q.depth())
	})
}

// Whatever comes and goes: every operation is taken once, those on one row in the
// order in which they came, and no load is larger than a transaction.
func TestQueueLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		committers := rapid.IntRange(1, 3).Draw(t, "committers")
		q := newQueue(1_000_000, committers, batchSizes{lines: 12, ops: 6}, func(int, int) time.Duration { return 0 }, forEver)
		q.hash = number
		var put, taken []*Operation
		var work []*load
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				var ops []*Operation
				for range rapid.IntRange(1, 9).Draw(t, "operations") {
					var keys []inventory.Key
					for range rapid.SampledFrom([]int{0, 1, 1, 1, 1, 3}).Draw(t, "lines") {
						keys = append(keys, inventory.Key{Location: "default", SKU: strconv.Itoa(rapid.IntRange(0, 5).Draw(t, "sku"))})
					}
					ops = append(ops, onRows(keys...))
				}
				if refused := q.put(ops, 0); refused != "" {
					t.Fatal(refused)
				}
				put = append(put, ops...)
			},
			"take": func(t *rapid.T) {
				if len(work) == committers || !q.ready() {
					t.Skip() // rapid draws another action
				}
				l := q.take()
				if len(l.ops) == 0 {
					t.Fatal("an empty load")
				}
				lines := 0
				for _, op := range l.ops {
					lines += op.weight()
				}
				if len(l.ops) > 6 || lines > 12 && len(l.ops) > 1 {
					t.Fatalf("%d operations with %d lines in one load", len(l.ops), lines)
				}
				taken = append(taken, l.ops...)
				work = append(work, l)
			},
			"finish": func(t *rapid.T) {
				if len(work) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(work)-1).Draw(t, "load")
				q.finished(work[i])
				work = slices.Delete(work, i, i+1)
			},
			"": func(t *rapid.T) {
				lines := 0
				sharded := make([]int, committers)
				for _, w := range q.ops {
					lines += w.op.weight()
					if w.shard != anyShard {
						sharded[w.shard]++
					}
				}
				if q.depth() != lines || !slices.Equal(q.sharded, sharded) {
					t.Fatalf("the queue has %d lines and %v, and thinks %d and %v", lines, sharded, q.depth(), q.sharded)
				}
			},
		})
		q.close()
		for {
			l := q.take()
			if l == nil {
				break
			}
			taken = append(taken, l.ops...)
		}
		if len(taken) != len(put) {
			t.Fatalf("%d of %d operations were taken", len(taken), len(put))
		}
		order := map[*Operation]int{}
		for i, op := range put {
			order[op] = i
		}
		last := map[inventory.Key]int{}
		for _, op := range taken {
			if len(op.Lines) == 1 {
				key := op.Lines[0].Key
				if at, ok := last[key]; ok && order[op] < at {
					t.Fatalf("operation %d on %s was taken after %d", order[op], key, at)
				}
				last[key] = order[op]
			}
			delete(order, op)
		}
		if len(order) > 0 {
			t.Fatalf("%d operations were never taken", len(order))
		}
	})
}
