package audit

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"stockhold/internal/testservers"
	"stockhold/inventory"
)

// Each way in which a gate can differ from the ledger is found with the figures,
// nothing else is, and only a strict audit fails.
func TestGateDifferences(t *testing.T) {
	differs := func(kind Kind, location, sku, expected, got string) found {
		return one(kind, Difference{Location: location, SKU: sku, Expected: expected, Found: got})
	}
	cases := []struct {
		name    string
		disturb func(t *testing.T, w *world) []found
	}{
		{"a row that is not loaded", func(t *testing.T, w *world) []found {
			w.drop(t, key("default", "A"))
			return []found{}
		}},
		{"a wiped gate", func(t *testing.T, w *world) []found {
			require.NoError(t, w.gate.Wipe(t.Context()))
			return []found{}
		}},
		{"ahead", func(t *testing.T, w *world) []found {
			w.view(t, key("default", "A"), 992, 900)
			return []found{differs(GateAhead, "default", "A", "version 4, quota 992", "version 900, quota 992")}
		}},
		{"behind", func(t *testing.T, w *world) []found {
			w.exec(t, "UPDATE stocks SET version = version + 1, on_hand = on_hand + 1 WHERE sku = 'A'")
			return []found{differs(GateBehind, "default", "A", "version 5 or later", "version 4, quota 992")}
		}},
		{"another quota", func(t *testing.T, w *world) []found {
			w.drop(t, key("default", "A"))
			w.view(t, key("default", "A"), 993, 4)
			return []found{differs(GateQuota, "default", "A", "version 4, quota 992", "version 4, quota 993")}
		}},
		{"a row that the ledger does not have", func(t *testing.T, w *world) []found {
			w.view(t, key("moon", "A"), 5, 1)
			return []found{differs(GateUnknown, "moon", "A", "no row", "version 1, quota 5")}
		}},
		{"several", func(t *testing.T, w *world) []found {
			w.view(t, key("moon", "A"), 5, 1)
			w.view(t, key("west", "Z"), 5, 2)
			w.view(t, key("default", "B"), 5, 100)
			return []found{
				{GateAhead, 2, []Difference{
					{Location: "default", SKU: "B", Expected: "version 4, quota 999", Found: "version 100, quota 5"},
					{Location: "west", SKU: "Z", Expected: "version 1, quota 1000", Found: "version 2, quota 5"},
				}},
				differs(GateUnknown, "moon", "A", "no row", "version 1, quota 5"),
			}
		}},
		{"a hold that stays pending", func(t *testing.T, w *world) []found {
			lines := []inventory.Line{line("default", "A", 2), line("default", "B", 3), line("east", "HOT", 1), line("west", "HOT", 1), line("west", "Z", 1)}
			w.freeze(t, "lost", lines)
			return []found{one(GatePending, Difference{Owner: "shop", ReservationID: "lost",
				Expected: "settled within 1ms", Found: "pending: 2 of default/A, 3 of default/B, 1 of east/HOT, 2 more lines"})}
		}},
	}
	onEachWorld(t, func(t *testing.T, w *world) {
		w.shop(t)
		restore := w.remember(t)
		for _, tt := range cases {
			t.Run(tt.name, func(t *testing.T) {
				restore()
				w.upToDate(t)
				want := tt.disturb(t, w)
				report := w.audit(t, Options{Pause: 10 * time.Millisecond, Grace: time.Millisecond})
				requireFound(t, report, want...)
				require.True(t, report.Gate.Judged)
				require.NoError(t, report.Err(false))
				if len(want) == 0 {
					require.NoError(t, report.Err(true))
				} else {
					require.ErrorIs(t, report.Err(true), ErrGate)
				}
			})
		}
	})
}

// upToDate makes the gate's rows those of the ledger, and nothing pending.
func (w *world) upToDate(t *testing.T) {
	t.Helper()
	require.NoError(t, w.gate.Wipe(t.Context()))
	stocks, err := w.store.StockPage(t.Context(), "", "", inventory.Key{}, 100)
	require.NoError(t, err)
	for _, stock := range stocks {
		w.view(t, stock.Key, stock.Available(), stock.Version)
	}
}

func (w *world) view(t *testing.T, k inventory.Key, quota, version int64) {
	t.Helper()
	require.NoError(t, w.gate.Settle(t.Context(), []inventory.View{{Key: k, Quota: quota, Version: version}}, nil))
}

func (w *world) drop(t *testing.T, k inventory.Key) {
	t.Helper()
	rows, err := w.gate.Rows(t.Context(), []inventory.Key{k})
	require.NoError(t, err)
	n, err := w.gate.Drop(t.Context(), []inventory.View{rows[0].View})
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// freeze leaves a hold pending, for longer than a millisecond.
func (w *world) freeze(t *testing.T, id string, lines []inventory.Line) {
	t.Helper()
	frozen := w.gate.Freeze(t.Context(), []inventory.Hold{{HoldID: inventory.HoldID{Owner: "shop", ID: id}, Lines: lines}})
	require.Equal(t, inventory.Frozen, frozen[0].Outcome, frozen[0].Err)
	require.Eventually(t, func() bool {
		holds, err := w.gate.Pending(t.Context(), time.Millisecond, 100)
		return err == nil && slices.ContainsFunc(holds, func(h inventory.Hold) bool { return h.ID == id })
	}, time.Minute, time.Millisecond)
}

// More pending holds than are shown are counted as far as the gate lists them.
func TestManyPendingHolds(t *testing.T) {
	w := serverWorld(t)
	w.shop(t)
	for i := range 5 {
		w.freeze(t, fmt.Sprint("lost-", i), []inventory.Line{line("west", "Z", 1)})
	}
	report := w.audit(t, Options{Pause: time.Millisecond, Grace: time.Millisecond, Show: 3})
	require.Equal(t, int64(4), report.Findings[0].Total)
	require.True(t, report.Findings[0].AtLeast)
	require.Len(t, report.Findings[0].Differences, 3)
	report = w.audit(t, Options{Pause: time.Millisecond, Grace: time.Millisecond, Show: 5})
	require.Equal(t, int64(5), report.Findings[0].Total)
	require.False(t, report.Findings[0].AtLeast)
	require.Empty(t, w.audit(t, briefly).Findings, "the default grace is longer")
}

// What others left under the prefix is told apart from a gate that is away.
func TestStrangersInTheGate(t *testing.T) {
	w := serverWorld(t)
	w.shop(t)
	client := testservers.Redis(t).Client()
	defer client.Close()
	start := "{" + w.prefix + "} "
	row := start + "row default A"

	deleted, err := client.HDel(t.Context(), row, "q").Result()
	require.NoError(t, err)
	require.Equal(t, int64(1), deleted)
	report := w.audit(t, briefly)
	requireFound(t, report)
	require.Equal(t, GateExamined{Judged: true, Rows: 4, NotLoaded: 1}, report.Gate)

	w.freeze(t, "lost", []inventory.Line{line("west", "Z", 1)})
	require.NoError(t, client.ZAdd(t.Context(), start+"pending", redis.Z{Score: 1, Member: "garbage"}).Err())
	report = w.audit(t, Options{Pause: time.Millisecond, Grace: time.Millisecond})
	require.Equal(t, []Kind{GatePending, GateStranger}, kinds(report))
	require.Contains(t, report.Findings[1].Differences[0].Found, "garbage")
	require.Error(t, report.Err(true))
	require.NoError(t, client.Del(t.Context(), start+"pending").Err())

	require.NoError(t, client.Set(t.Context(), row, "a string", 0).Err())
	report = w.audit(t, briefly)
	require.True(t, report.Gate.Unreadable)
	require.False(t, report.Gate.Judged)
	require.Contains(t, report.Gate.Reason, "WRONGTYPE")
	require.NoError(t, report.Err(false))
	require.Error(t, report.Err(true))
}

// watchedGate lets a test act between an audit's looks at one row.
type watchedGate struct {
	Gate
	of      inventory.Key
	rows    func(look int) error // before each read of that row, from 1; its error is the answer
	pending func(look int)       // before each list of pending holds
	looks   int                  // at the row
	lists   int                  // of pending holds
}

func (g *watchedGate) Rows(ctx context.Context, keys []inventory.Key) ([]inventory.Row, error) {
	if slices.Contains(keys, g.of) && g.rows != nil {
		g.looks++
		if err := g.rows(g.looks); err != nil {
			return nil, err
		}
	}
	return g.Gate.Rows(ctx, keys)
}

func (g *watchedGate) Pending(ctx context.Context, olderThan time.Duration, limit int) ([]inventory.Hold, error) {
	g.lists++
	if g.pending != nil {
		g.pending(g.lists)
	}
	return g.Gate.Pending(ctx, olderThan, limit)
}
