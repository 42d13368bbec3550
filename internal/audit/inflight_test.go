package audit

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/inventory"
)

// Work in flight explains some differences; each case plays one, step by step.
func TestWorkInFlightIsNoDifference(t *testing.T) {
	a := key("default", "A")
	sell := func(t *testing.T, w *world) {
		w.exec(t, "UPDATE stocks SET on_hand = on_hand - 1, version = version + 1 WHERE sku = 'A'")
	}
	cases := []struct {
		name string
		look func(t *testing.T, w *world, n int)
		want []found
	}{
		{"the gate hears of it during the pause", func(t *testing.T, w *world, n int) {
			switch n {
			case 1:
				sell(t, w)
			case 2:
				w.view(t, a, 991, 5)
			}
		}, nil},
		{"the gate hears of it, and the ledger goes on", func(t *testing.T, w *world, n int) {
			switch n {
			case 1:
				sell(t, w)
			case 2:
				w.view(t, a, 991, 5)
				sell(t, w)
				sell(t, w)
			}
		}, nil},
		{"the gate heard of something, and not of what the ledger had at first", func(t *testing.T, w *world, n int) {
			switch n {
			case 1:
				sell(t, w)
				sell(t, w)
			case 2:
				w.view(t, a, 991, 5)
				sell(t, w)
			}
		}, []found{one(GateBehind, Difference{Location: "default", SKU: "A", Expected: "version 6 or later", Found: "version 5, quota 991"})}},
		{"the row is dropped during the pause", func(t *testing.T, w *world, n int) {
			switch n {
			case 1:
				w.view(t, a, 5, 900)
			case 2:
				w.drop(t, a)
			}
		}, nil},
		{"the ledger gets the row during the pause", func(t *testing.T, w *world, n int) {
			switch n {
			case 1:
				w.exec(t, "DELETE FROM stocks WHERE sku = 'A'")
			case 2:
				w.exec(t, "INSERT INTO stocks SELECT * FROM stocks_copy WHERE sku = 'A'")
			}
		}, nil},
		{"the ledger loses the row during the pause", func(t *testing.T, w *world, n int) {
			switch n {
			case 1:
				sell(t, w)
			case 2:
				w.exec(t, "DELETE FROM stocks WHERE sku = 'A'")
			}
		}, nil},
	}
	onEachWorld(t, func(t *testing.T, w *world) {
		w.shop(t)
		restore := w.remember(t)
		for _, tt := range cases {
			t.Run(tt.name, func(t *testing.T) {
				restore()
				w.upToDate(t)
				gate := &watchedGate{Gate: w.gate, of: a, rows: func(n int) error {
					tt.look(t, w, n)
					return nil
				}}
				report, err := Run(t.Context(), Deps{Ledger: w.store, Gate: gate}, briefly)
				require.NoError(t, err)
				requireFound(t, report, tt.want...)
				require.Equal(t, 2, gate.looks)
				require.Equal(t, int64(1), report.Gate.LookedAgain)
			})
		}
	})
}

// The gate is read before the ledger: what is committed and settled between the
// two reads does not make it look ahead.
func TestGateIsReadFirst(t *testing.T) {
	w := embeddedWorld(t)
	w.shop(t)
	gate := &afterRows{Gate: w.gate, then: func() {
		w.exec(t, "UPDATE stocks SET on_hand = on_hand - 1, version = version + 1 WHERE sku = 'A'")
		stocks, err := w.store.Stocks(t.Context(), []inventory.Key{key("default", "A")})
		require.NoError(t, err)
		w.view(t, stocks[0].Key, stocks[0].Available(), stocks[0].Version)
	}}
	report, err := Run(t.Context(), Deps{Ledger: w.store, Gate: gate}, briefly)
	require.NoError(t, err)
	requireFound(t, report)
	require.Equal(t, int64(1), report.Gate.LookedAgain)
}

type afterRows struct {
	Gate
	then func()
}

func (g *afterRows) Rows(ctx context.Context, keys []inventory.Key) ([]inventory.Row, error) {
	rows, err := g.Gate.Rows(ctx, keys)
	g.then()
	return rows, err
}

func TestPendingHoldThatSettlesDuringThePause(t *testing.T) {
	onEachWorld(t, func(t *testing.T, w *world) {
		w.shop(t)
		w.freeze(t, "slow", []inventory.Line{line("default", "A", 2)})
		w.freeze(t, "lost", []inventory.Line{line("default", "B", 2)})
		gate := &watchedGate{Gate: w.gate, pending: func(n int) {
			if n == 2 {
				require.NoError(t, w.gate.Settle(t.Context(), nil, []inventory.HoldID{{Owner: "shop", ID: "slow"}}))
				w.freeze(t, "new", []inventory.Line{line("default", "A", 2)})
			}
		}}
		report, err := Run(t.Context(), Deps{Ledger: w.store, Gate: gate}, Options{Pause: time.Millisecond, Grace: time.Millisecond})
		require.NoError(t, err)
		requireFound(t, report, one(GatePending, Difference{Owner: "shop", ReservationID: "lost", Expected: "settled within 1ms", Found: "pending: 2 of default/B"}))
	})
}

// A gate with more rows than one page, all of them in doubt.
func TestManyGateRows(t *testing.T) {
	w := serverWorld(t)
	var views []inventory.View
	for i := range 1201 {
		views = append(views, inventory.View{Key: key("moon", fmt.Sprintf("S%04d", i)), Quota: 1, Version: 1})
	}
	require.NoError(t, w.gate.Settle(t.Context(), views, nil))
	for _, page := range []int{30, 2000} { // that look again four times, and once
		report := w.audit(t, Options{Pause: time.Millisecond, Page: page})
		require.Equal(t, int64(1201), report.Gate.LookedAgain)
		require.Equal(t, []Kind{GateUnknown}, kinds(report))
		require.Equal(t, int64(1201), report.Findings[0].Total)
		require.Len(t, report.Findings[0].Differences, 20)
	}
}

var errAway = fmt.Errorf("%w: played by a test", inventory.ErrAway)

// A gate that goes away in the middle leaves what was found until then.
func TestGateThatGoesAway(t *testing.T) {
	w := embeddedWorld(t)
	w.shop(t)
	w.freeze(t, "lost", []inventory.Line{line("default", "B", 2)})
	for look := range 2 {
		w.view(t, key("moon", "A"), 5, 1)
		gate := &watchedGate{Gate: w.gate, of: key("moon", "A"), rows: func(n int) error {
			if n == look+1 {
				return errAway
			}
			return nil
		}}
		report, err := Run(t.Context(), Deps{Ledger: w.store, Gate: gate}, Options{Pause: time.Millisecond, Grace: time.Millisecond})
		require.NoError(t, err)
		require.Equal(t, []Kind{GatePending}, kinds(report))
		require.True(t, report.Complete)
		require.True(t, report.Gate.Unreadable)
		require.Contains(t, report.Gate.Reason, "played by a test")
		require.NoError(t, report.Err(false))
	}
}

func TestStopsWithItsCaller(t *testing.T) {
	w := embeddedWorld(t)
	w.shop(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.view(t, key("moon", "A"), 5, 1)
	gate := &watchedGate{Gate: w.gate, of: key("moon", "A"), rows: func(int) error {
		cancel()
		return nil
	}}
	report, err := Run(ctx, Deps{Ledger: w.store, Gate: gate}, Options{Pause: time.Hour})
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, report.Complete)
	require.Error(t, report.Err(false))

	ctx, cancel = context.WithCancel(t.Context())
	report, err = Run(ctx, Deps{Ledger: w.store}, Options{Page: 1, Progress: func(string, int64) { cancel() }})
	require.True(t, errors.Is(err, context.Canceled), err)
	require.False(t, report.Complete)
}
