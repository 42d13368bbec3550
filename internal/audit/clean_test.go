package audit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/inventory"
	"stockhold/reservation"
)

func TestEmptyStoresAreClean(t *testing.T) {
	onEachWorld(t, func(t *testing.T, w *world) {
		report := w.audit(t, briefly)
		requireFound(t, report)
		require.NoError(t, report.Err(true))
		require.Equal(t, Report{Complete: true, Gate: GateExamined{Judged: true}, Findings: []Finding{}, show: 20}, report)
	})
}

// Every call in every state that answers it, expiry by policy, recounts, refused
// calls and a purge leave nothing to report, however small the pages are.
func TestCleanAfterEveryKindOfCall(t *testing.T) {
	onEachWorld(t, func(t *testing.T, w *world) {
		service, stop := w.serve(t)
		everyKindOfCall(t, w, service)
		stop()
		for _, page := range []int{1, 2, 3, 5, 0} {
			opts := briefly
			opts.Page = page
			report := w.audit(t, opts)
			requireFound(t, report,
				one(OnHandBelowZero, Difference{Location: "default", SKU: "SHIPPED", Expected: "0", Found: "-2"}),
				found{AvailableBelowZero, 2, []Difference{
					{Location: "default", SKU: "COUNTED", Expected: "0", Found: "-2"},
					{Location: "default", SKU: "SHIPPED", Expected: "0", Found: "-2"},
				}})
			require.NoError(t, report.Err(true), "notes do not fail an audit")
			require.Equal(t, LedgerExamined{Stocks: 6, Reservations: 12, Lines: 17}, report.Ledger)
			require.Equal(t, int64(6), report.Gate.Rows)
		}
	})
}

func everyKindOfCall(t *testing.T, w *world, service *reservation.Service) {
	for _, k := range []inventory.Key{key("default", "A"), key("north", "A"), key("default", "B"), key("default", "COUNTED"), key("default", "SHIPPED")} {
		setStock(t, service, k, 100)
	}
	lines := []inventory.Line{line("default", "A", 2), line("north", "A", 1)}
	for _, id := range []string{"reserved", "confirmed", "canceled", "fulfilled", "returned", "extended"} {
		try(t, service, id, lines...)
	}
	try(t, service, "reserved", lines...) // a replay
	do(t, service, reservation.Confirm, "confirmed", "fulfilled", "returned")
	do(t, service, reservation.Cancel, "canceled", "too-early")
	do(t, service, reservation.Fulfill, "fulfilled")
	do(t, service, reservation.Return, "returned")
	do(t, service, reservation.Extend, "extended")

	expire := func(id string, policy reservation.OnExpiry) {
		answer := service.Try(t.Context(), []reservation.TryRequest{{ID: inventory.HoldID{ID: id}, Lines: []inventory.Line{line("default", "B", 4)}, TTL: time.Hour, OnExpiry: policy}})[0]
		require.NoError(t, answer.Err)
		w.exec(t, "UPDATE reservations SET expires_at = created_at, due_at = created_at WHERE reservation_id = ?", id)
		due, err := service.Ledger().RunDue(t.Context(), policy, 10)
		require.NoError(t, err)
		require.Len(t, due, 1)
		require.NoError(t, due[0].Answer.Err)
	}
	expire("expired", reservation.ReleaseOnExpiry)
	expire("taken-again", reservation.ReleaseOnExpiry)
	do(t, service, reservation.ConfirmAny, "taken-again")
	expire("confirmed-by-policy", reservation.ConfirmOnExpiry)

	try(t, service, "counted", line("default", "COUNTED", 3))
	setStock(t, service, key("default", "COUNTED"), 1)
	try(t, service, "shipped", line("default", "SHIPPED", 3))
	setStock(t, service, key("default", "SHIPPED"), 1)
	do(t, service, reservation.Confirm, "shipped")
	do(t, service, reservation.Fulfill, "shipped")

	answer := service.Change(t.Context(), []inventory.Change{{Key: key("south", "NEW"), Amount: 7}})[0]
	require.NoError(t, answer.Err)
	answer = service.Try(t.Context(), []reservation.TryRequest{{ID: inventory.HoldID{ID: "refused"}, Lines: []inventory.Line{line("south", "NEW", 8)}, TTL: time.Hour}})[0]
	require.Error(t, answer.Err)

	try(t, service, "purged", line("default", "B", 9))
	do(t, service, reservation.Cancel, "purged")
	purge(t, w, "purged")
}

// purge makes one reservation old and purges the ledger.
func purge(t *testing.T, w *world, id string) {
	t.Helper()
	old := any("2020-01-01 00:00:00")
	if w.store.Kind() == "sqlite" {
		old = 0
	}
	w.exec(t, "UPDATE reservations SET due_at = ? WHERE reservation_id = ?", old, id)
	const long = 24 * time.Hour
	n, err := w.store.Purge(t.Context(), reservation.Retention{Ended: long, Tombstones: long, Adjustments: long}, 100)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// Audits that run while eight callers do as they please see nothing wrong.
func TestCleanUnderLoad(t *testing.T) {
	onEachWorld(t, func(t *testing.T, w *world) {
		service, stop := w.serve(t)
		skus := []string{"A", "B", "C", "HOT"}
		for _, sku := range skus {
			setStock(t, service, key("east", sku), 1_000_000)
			setStock(t, service, key("west", sku), 1_000_000)
		}
		ctx, done := context.WithCancel(t.Context())
		defer done()
		var callers sync.WaitGroup
		var calls atomic.Int64
		for caller := range 8 {
			callers.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					order(t.Context(), service, fmt.Sprintf("%d-%d", caller, i), skus)
					calls.Add(1)
				}
			})
		}
		atWork := func() {
			more := calls.Load() + 100
			require.Eventually(t, func() bool { return calls.Load() > more }, time.Minute, time.Millisecond)
		}
		for range 3 {
			atWork()
			report := w.audit(t, Options{Page: 50})
			requireFound(t, report)
			require.NoError(t, report.Err(true))
			t.Log(calls.Load(), "orders, and", report.Gate.LookedAgain, "gate rows looked at again")
		}
		atWork()
		done()
		callers.Wait()
		stop()
		report := w.audit(t, Options{})
		requireFound(t, report)
		require.Greater(t, report.Ledger.Reservations, int64(0))
		require.Equal(t, int64(2*len(skus)), report.Gate.Rows)
	})
}

// order is what one caller does: hold something, and mostly more.
func order(ctx context.Context, service *reservation.Service, id string, skus []string) {
	hold := inventory.HoldID{ID: id}
	lines := []inventory.Line{line("east", "HOT", 1+rand.Int64N(3))}
	for range rand.IntN(3) {
		lines = append(lines, line("west", skus[rand.IntN(len(skus))], 1))
	}
	requests := []reservation.TryRequest{{ID: hold, Lines: lines, TTL: time.Hour}}
	calls := [][]reservation.Call{
		{}, {reservation.Confirm}, {reservation.Cancel}, {reservation.Extend, reservation.Cancel},
		{reservation.Confirm, reservation.Fulfill}, {reservation.Confirm, reservation.Return},
	}
	// Answers are not looked at: whatever they are, the books must balance.
	service.Try(ctx, requests)
	for _, call := range calls[rand.IntN(len(calls))] {
		service.Do(ctx, []reservation.Request{{ID: hold, Call: call}})
	}
	if rand.IntN(20) == 0 {
		service.Change(ctx, []inventory.Change{{Key: key("west", "HOT"), Amount: 5}})
	}
}
