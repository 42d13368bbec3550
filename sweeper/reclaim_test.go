package sweeper_test

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockhold/internal/store"
	"stockhold/internal/testservers"
	"stockhold/inventory"
	"stockhold/sweeper"
)

// Redis loses the list of pending holds, or a part of it, and keeps the rows: their
// units are pending for nobody. They are free again after a round of the refresh,
// although another hold of the same row is pending before, meanwhile and after.
func TestUnitsThatArePendingForNoHoldAreFreed(t *testing.T) {
	server := testservers.Redis(t)
	client := server.Client()
	defer client.Close()
	for _, tt := range []struct {
		name string
		lose func(t *testing.T, keys string)
	}{
		{"the list of pending holds", func(t *testing.T, keys string) {
			require.EqualValues(t, 1, client.Del(t.Context(), keys+"pending").Val())
		}},
		{"the entry of one hold", func(t *testing.T, keys string) {
			require.EqualValues(t, 1, client.ZRem(t.Context(), keys+"pending", "orders lost").Val())
		}},
		{"the lines of all holds", func(t *testing.T, keys string) {
			require.EqualValues(t, 1, client.Del(t.Context(), keys+"holds").Val())
		}},
		{"the lines of one hold", func(t *testing.T, keys string) {
			require.EqualValues(t, 1, client.HDel(t.Context(), keys+"holds", "orders lost").Val())
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			prefix := testservers.Prefix(t)
			gate, err := inventory.Open(server.URL(), inventory.Options{Prefix: prefix, Timeout: 30 * time.Second, Log: quiet})
			require.NoError(t, err)
			dsn := testservers.Database(t)
			s, err := store.OpenMySQL(dsn, store.Options{})
			require.NoError(t, err)
			r := start(t, s, gate, "mysql", dsn)
			r.stocked("A", 10)
			r.stocked("B", 10)
			r.loaded("A")
			r.loaded("B")
			r.freeze(orders("lost"), "A", 8)
			tt.lose(t, "{"+prefix+"} ")
			r.freeze(orders("stays"), "A", 1) // and is under way all the time
			r.freeze(orders("other"), "B", 3)

			var logged bytes.Buffer
			opts := calm()
			opts.Logger = slog.New(slog.NewTextHandler(&logged, nil))
			report := r.sweep(nil, opts)

			require.Equal(t, sweeper.Report{Passes: 1, Refreshed: 2, Reclaimed: 1}, report)
			require.Contains(t, logged.String(), "the gate counted units as pending that no hold had")
			require.Contains(t, logged.String(), "rows=1 first=default/A units=8")
			require.EqualValues(t, 1, r.row("A").Pending)
			require.EqualValues(t, 3, r.row("B").Pending)
			r.freeze(orders("next"), "A", 9)
			require.Zero(t, r.sweep(nil, opts).Reclaimed)
			require.EqualValues(t, 10, r.row("A").Pending)
		})
	}
}
