package reservation_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/store"
	"stockhold/internal/testservers"
	"stockhold/inventory"
	"stockhold/reservation"
)

// once makes a disturbance that happens at the first such step only.
func once(step string, do func() error) func(string) error {
	var done atomic.Bool
	return func(s string) error {
		if s == step && done.CompareAndSwap(false, true) {
			return do()
		}
		return nil
	}
}

// Nothing is decided on what was read before it was locked: adjustments and the
// clock are read under the stock locks, and a refusal is looked at again there.
func TestEverythingIsReadUnderItsLocks(t *testing.T) {
	onEachStore(t, func(t *testing.T, open func() *shop) {
		s := open()
		s.store.disturb(nil, nil)
		s.set(t, "A", 1)
		require.Equal(t, []string{"begin", "lock reservations", "lock stocks", "adjustments", "now", "write", "commit"}, s.store.seen())
		s.store.disturb(nil, nil)
		answers := s.Ledger().Do(t.Context(), []*reservation.Operation{{Call: reservation.Try, ID: id("too-much"), Lines: []inventory.Line{line("A", 2)}, TTL: time.Minute}})
		requireReason(t, reservation.InsufficientStock, answers[0].Err)
		require.Equal(t, []string{"begin", "lock reservations", "lock stocks", "now", "exist", "commit"}, s.store.seen())
	})
}

// A missing row cannot be locked. The first attempt of a call commits in another
// process between this one's look for the id and its lock on the stock: the
// repeat must be a replay, not a refusal for the stock that its own first attempt took.
func TestARepeatIsNeverRefusedForItsOwnStock(t *testing.T) {
	onEachStore(t, func(t *testing.T, open func() *shop) {
		s, other := open(), open()
		s.set(t, "A", 1)
		race := func(name string) {
			s.store.disturb(once("begin", func() error {
				return other.try(t, name, line("A", 1)).Err
			}), nil)
		}
		race("last")
		answer := s.try(t, "last", line("A", 1))
		require.NoError(t, answer.Err)
		require.True(t, answer.Replayed)
		require.Equal(t, int64(1), s.stock(t, "A").Reserved)

		s.set(t, "A", 10)
		race("plenty") // here the INSERT meets the other row
		answer = s.try(t, "plenty", line("A", 1))
		require.NoError(t, answer.Err)
		require.True(t, answer.Replayed)
		require.Equal(t, int64(2), s.stock(t, "A").Reserved)

		race("mixed-up")
		requireReason(t, reservation.ReusedID, s.try(t, "mixed-up", line("A", 2)).Err)
		require.Equal(t, int64(3), s.stock(t, "A").Reserved)
	})
}

// A Try that is refused as too late may be the repeat of one that was in time.
func TestATooLateRepeatIsAReplay(t *testing.T) {
	onEachStore(t, func(t *testing.T, open func() *shop) {
		s, other := open(), open()
		s.set(t, "A", 5)
		s.store.disturb(once("begin", func() error { return other.try(t, "1", line("A", 1)).Err }), nil)
		answer := s.Try(t.Context(), []reservation.TryRequest{{ID: id("1"), Lines: []inventory.Line{line("A", 1)}, TTL: time.Minute, NotAfter: time.Now().Add(-time.Hour)}})[0]
		require.NoError(t, answer.Err)
		require.True(t, answer.Replayed)
		answer = s.Try(t.Context(), []reservation.TryRequest{{ID: id("2"), Lines: []inventory.Line{line("A", 1)}, TTL: time.Minute, NotAfter: time.Now().Add(-time.Hour)}})[0]
		requireReason(t, reservation.TooLate, answer.Err)
	})
}

var errReplyLost = fmt.Errorf("%w: the reply was lost", reservation.ErrCommitUnknown)

// The reply to COMMIT is lost, once after it was done and once before: the batch
// runs again, what had happened becomes replays, and nothing is done twice.
func TestLostCommitReply(t *testing.T) {
	onEachStore(t, func(t *testing.T, open func() *shop) {
		s := open()
		s.set(t, "A", 10)
		for i, lost := range []string{"after", "before"} {
			before, after := once("commit", func() error { return errReplyLost }), (func(string) error)(nil)
			if lost == "after" {
				before, after = nil, before
			}
			name := fmt.Sprintf("%s-%d", lost, i)
			s.store.disturb(before, after)
			answer := s.try(t, name, line("A", 1))
			require.NoError(t, answer.Err)
			require.Equal(t, reservation.Reserved, answer.Reservation.State)
			require.Equal(t, 2, s.store.count("commit"))
			require.Equal(t, int64(i+1), s.stock(t, "A").Reserved)

			s.store.disturb(before, after)
			answer = s.Change(t.Context(), []inventory.Change{{ID: "add-" + name, Key: key("A"), Amount: 5}})[0]
			require.NoError(t, answer.Err)
			require.Equal(t, int64(10+5*(i+1)), answer.Stock.OnHand)
		}
	})
}

// No view leaves before its COMMIT is known.
func TestNoViewBeforeCommit(t *testing.T) {
	onEachStore(t, func(t *testing.T, open func() *shop) {
		s := open()
		s.set(t, "A", 10)
		s.store.disturb(func(step string) error {
			if step == "commit" {
				return reservation.ErrAway
			}
			return nil
		}, nil)
		require.ErrorIs(t, s.try(t, "lost", line("A", 4)).Err, reservation.ErrUnavailable)
		s.store.disturb(nil, nil)
		require.NoError(t, s.try(t, "kept", line("A", 1)).Err)
		require.Eventually(t, func() bool {
			views, holds := s.gate.settled()
			return slices.Contains(holds, id("lost")) && slices.Contains(views, inventory.View{Key: key("A"), Quota: 9, Version: 2})
		}, time.Minute, time.Millisecond, "the freeze of a failed Try is given back, and the view of the next one arrives")
		views, _ := s.gate.settled()
		for _, v := range views {
			require.NotEqual(t, int64(6), v.Quota, "a view of what was never committed")
		}
	})
}

// A server that is away fails the whole batch at once: it is never split.
func TestAwayNeverSplits(t *testing.T) {
	onEachStore(t, func(t *testing.T, open func() *shop) {
		s := open()
		s.set(t, "A", 10)
		s.store.disturb(func(step string) error {
			if step == "lock stocks" {
				return reservation.ErrAway
			}
			return nil
		}, nil)
		requests := make([]reservation.TryRequest, 8)
		for i := range requests {
			requests[i] = reservation.TryRequest{ID: id(fmt.Sprint(i)), Lines: []inventory.Line{line("A", 1)}}
		}
		for _, answer := range s.Try(t.Context(), requests) {
			require.ErrorIs(t, answer.Err, reservation.ErrUnavailable)
		}
		require.Equal(t, 1, s.store.count("begin"))
	})
}

// An error that is blamed on data is narrowed down by halving: only the culprit fails.
func TestHalvingFindsTheCulprit(t *testing.T) {
	onEachStore(t, func(t *testing.T, open func() *shop) {
		s := open()
		s.set(t, "A", 100)
		poison := errors.New("this row cannot be written")
		s.store.disturb(nil, nil)
		watched := &poisoned{hooked: s.store, sku: "POISON", err: poison}
		service := reservation.New(watched, s.gate, reservation.Options{})
		run(t, service)
		require.NoError(t, service.Change(t.Context(), []inventory.Change{{Key: key("POISON"), Set: true, Amount: 100}})[0].Err)
		watched.armed.Store(true)
		requests := make([]reservation.TryRequest, 9)
		for i := range requests {
			requests[i] = reservation.TryRequest{ID: id(fmt.Sprint(i)), Lines: []inventory.Line{line("A", 1)}}
		}
		requests[5].Lines = []inventory.Line{line("POISON", 1)}
		for i, answer := range service.Try(t.Context(), requests) {
			if i == 5 {
				require.ErrorIs(t, answer.Err, poison)
				continue
			}
			require.NoError(t, answer.Err)
		}
		require.Equal(t, int64(8), s.stock(t, "A").Reserved)
	})
}

// Two processes confirm and cancel the same holds at the same time: for each,
// one of them is first, the other hears of it, and the books agree.
func TestTwoProcessesOnTheSameHolds(t *testing.T) {
	onEachStore(t, func(t *testing.T, open func() *shop) {
		a, b := open(), open()
		const n = 60
		a.set(t, "A", n)
		confirms, cancels := make([]reservation.Request, n), make([]reservation.Request, n)
		for i := range n {
			require.NoError(t, a.try(t, fmt.Sprint(i), line("A", 1)).Err)
			confirms[i] = reservation.Request{ID: id(fmt.Sprint(i)), Call: reservation.Confirm}
			cancels[n-1-i] = reservation.Request{ID: id(fmt.Sprint(i)), Call: reservation.Cancel}
		}
		var wg sync.WaitGroup
		var confirmed, canceled []reservation.Answer
		wg.Go(func() { confirmed = a.Do(t.Context(), confirms) })
		wg.Go(func() { canceled = b.Do(t.Context(), cancels) })
		wg.Wait()
		taken := int64(0)
		for i := range n {
			switch other := canceled[n-1-i]; {
			case confirmed[i].Err == nil:
				taken++
				requireReason(t, reservation.AlreadyConfirmed, other.Err)
			default:
				requireReason(t, reservation.WasReleased, confirmed[i].Err)
				require.NoError(t, other.Err)
			}
		}
		row := a.stock(t, "A")
		require.Equal(t, [3]int64{n, 0, taken}, [3]int64{row.OnHand, row.Reserved, row.Committed})
	})
}

// Two processes sell the same stock row at the same time, each call in a
// transaction of its own: what one has read under its lock the other cannot have
// changed, so nothing is counted twice or lost.
func TestTwoProcessesOnTheSameStock(t *testing.T) {
	onEachStore(t, func(t *testing.T, open func() *shop) {
		shops := []*shop{open(), open()}
		const units = 60
		shops[0].set(t, "A", units)
		var held atomic.Int64
		var wg sync.WaitGroup
		for caller := range 4 {
			wg.Go(func() {
				for i := range units / 2 {
					switch err := shops[caller%2].try(t, fmt.Sprintf("%d-%d", caller, i), line("A", 1)).Err; {
					case err == nil:
						held.Add(1)
					default:
						requireReason(t, reservation.InsufficientStock, err)
					}
				}
			})
		}
		wg.Wait()
		require.Equal(t, int64(units), held.Load())
		row := shops[1].stock(t, "A")
		require.Equal(t, [2]int64{units, 0}, [2]int64{row.Reserved, row.Available()})
	})
}

// The same adjustment in two processes at once is done once.
func TestTwoProcessesOnTheSameAdjustment(t *testing.T) {
	onEachStore(t, func(t *testing.T, open func() *shop) {
		a, b := open(), open()
		for i := range 10 {
			change := []inventory.Change{{ID: fmt.Sprint(i), Key: key(fmt.Sprintf("S%d", i%3)), Amount: 5}}
			var wg sync.WaitGroup
			var first, second reservation.Answer
			wg.Go(func() { first = a.Change(t.Context(), change)[0] })
			wg.Go(func() { second = b.Change(t.Context(), change)[0] })
			wg.Wait()
			require.NoError(t, first.Err)
			require.NoError(t, second.Err)
			require.NotEqual(t, first.Replayed, second.Replayed)
		}
		require.Equal(t, int64(20), a.stock(t, "S0").OnHand)
	})
}

// A change makes a stock row, and its duplicate has looked for the row just
// before: the duplicate is a replay, and shows the row that there is now.
func TestReplayOfAChangeShowsTheRowItMade(t *testing.T) {
	dsn := testservers.Database(t)
	open := func() *shop {
		s, err := store.OpenMySQL(dsn, store.Options{})
		return newShop(t, s, err, &openGate{})
	}
	first, second := open(), open()
	change := []inventory.Change{{ID: "delivery", Key: key("A"), Amount: 5}}
	var made reservation.Answer
	second.store.disturb(nil, once("lock stocks", func() error {
		made = first.Change(t.Context(), change)[0]
		return nil
	}))
	answer := second.Change(t.Context(), change)[0]
	require.NoError(t, made.Err)
	require.False(t, made.Replayed)
	require.NoError(t, answer.Err)
	require.True(t, answer.Replayed)
	require.Equal(t, made.Stock, answer.Stock)
	require.Equal(t, first.stock(t, "A"), *answer.Stock)
}
