package reservation

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"stockhold/inventory"
)

// shardedQueue is for two committers whose transactions carry ten operations.
func shardedQueue() *queue {
	return newQueue(1_000_000, 2, batchSizes{lines: 100, ops: 10}, func(int, int) time.Duration { return 0 },
		func() time.Duration { return time.Second })
}

// row is the n-th stock row of a shard.
func (q *queue) row(shard, n int) inventory.Key {
	for i := range 1000 {
		k := inventory.Key{Location: "default", SKU: fmt.Sprint("sku-", i)}
		if q.shardOf(onRows(k)) == shard {
			if n == 0 {
				return k
			}
			n--
		}
	}
	panic(fmt.Sprint("no row of shard ", shard))
}

func onRows(keys ...inventory.Key) *Operation {
	op := &Operation{}
	for _, k := range keys {
		op.Lines = append(op.Lines, Line{Key: k, Quantity: 1})
	}
	return op
}

// onShards makes so many operations for each shard, in turn.
func (q *queue) onShards(each int) (ops []*Operation) {
	for i := range each {
		ops = append(ops, onRows(q.row(0, i%3)), onRows(q.row(1, i%3)))
	}
	return ops
}

// ofShard are those of one shard, in order.
func (q *queue) ofShard(shard int, ops []*Operation) []*Operation {
	return slices.DeleteFunc(slices.Clone(ops), func(op *Operation) bool { return q.shardOf(op) != shard })
}

// Where more waits than one transaction carries, two transactions want different
// rows: neither waits for the other's locks.
func TestCommittersDivideTheRows(t *testing.T) {
	q := shardedQueue()
	ops := q.onShards(9)
	require.Empty(t, q.put(ops, 0))
	first, second := q.take(), q.take()
	require.NotEqual(t, first.shard, second.shard)
	require.Equal(t, q.ofShard(first.shard, ops), first.ops, "all that wait on its rows, in order")
	require.Equal(t, q.ofShard(second.shard, ops), second.ops)
	require.Zero(t, q.depth())

	more := q.onShards(5)
	require.Empty(t, q.put(more, 0))
	q.finished(first)
	require.Equal(t, q.ofShard(first.shard, more), q.take().ops, "one transaction could carry all, and would wait for the other shard's")
}

// What one transaction can carry is not divided: two would cost more than one.
func TestWhatFitsOneTransactionIsOne(t *testing.T) {
	q := shardedQueue()
	ops := q.onShards(5)
	require.Empty(t, q.put(ops, 0))
	require.Equal(t, ops, q.take().ops)
}

// Rows are divided only where each committer gets a fair share of a transaction.
func TestAFewAreNoShard(t *testing.T) {
	q := shardedQueue()
	var ops []*Operation
	for range 20 {
		ops = append(ops, onRows(q.row(0, 0)))
	}
	ops = slices.Insert(ops, 3, onRows(q.row(1, 0)), onRows(q.row(1, 1)))
	require.Empty(t, q.put(ops, 0))
	hot := q.take()
	require.Equal(t, 0, hot.shard)
	require.Len(t, hot.ops, 10)
	rest := q.take()
	require.Equal(t, anyShard, rest.shard)
	require.Equal(t, ops[3:5], rest.ops[:2], "what came first goes first")
	require.Len(t, rest.ops, 10)
}

// Operations whose rows only the ledger knows, or that touch several, go with
// whoever takes next, in their place.
func TestOperationsWithoutAShard(t *testing.T) {
	q := shardedQueue()
	ops := q.onShards(6)
	confirm := &Operation{Call: Confirm}
	basket := onRows(q.row(0, 0), q.row(1, 0))
	ops = slices.Insert(ops, 2, confirm, basket)
	require.Empty(t, q.put(ops, 0))
	first := q.take()
	require.Equal(t, []*Operation{confirm, basket}, first.ops[1:3])
	require.Equal(t, q.ofShard(1-first.shard, ops), q.take().ops)
}

// A shard whose transaction stands still is open to the other committer: the row
// that it waits for may be none of theirs.
func TestAStuckTransactionDoesNotKeepItsShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := shardedQueue()
		defer q.close()
		require.Empty(t, q.put(q.onShards(6), 0))
		stuck, other := q.take(), q.take()
		require.Empty(t, q.put(q.onShards(12), 0))
		for range 2 {
			time.Sleep(600 * time.Millisecond)
			q.finished(other)
			other = q.take()
		}
		require.Equal(t, stuck.shard, other.shard)
	})
}

// Whatever comes and goes: every operation is taken once, those on one row in the
// order in which they came, and no load is larger than a transaction.
func TestQueueLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		committers := rapid.IntRange(1, 3).Draw(t, "committers")
		q := newQueue(1_000_000, committers, batchSizes{lines: 12, ops: 6}, func(int, int) time.Duration { return 0 }, forEver)
		var put, taken []*Operation
		var work []*load
		take := func(t *rapid.T) {
			if !q.ready() {
				t.Skip()
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
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				var ops []*Operation
				for range rapid.IntRange(1, 9).Draw(t, "operations") {
					var keys []inventory.Key
					for range rapid.SampledFrom([]int{0, 1, 1, 1, 1, 3}).Draw(t, "lines") {
						keys = append(keys, inventory.Key{Location: "default", SKU: fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "sku"))})
					}
					ops = append(ops, onRows(keys...))
				}
				if refused := q.put(ops, 0); refused != "" {
					t.Fatal(refused)
				}
				put = append(put, ops...)
			},
			"take": func(t *rapid.T) {
				if len(work) == committers {
					t.Skip()
				}
				take(t)
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
